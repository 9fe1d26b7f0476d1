// Package recorder runs Pulumi programs with a monitor that records registrations and does nothing else. Tests check the recording after
// the run: an assertion inside an apply that no resource consumes is lost. FailEach checks a program's error paths.
package recorder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Registration is one resource as the program registered it.
type Registration struct {
	Type, Name, Parent, Provider string
	Custom, Protect, Retain      bool
	// DeleteFirst is true if a replacement deletes the old resource first.
	DeleteFirst  bool
	Dependencies []string
	// Secrets are the outputs that the program marks secret. Ignored are the inputs whose changes are ignored.
	Secrets, Ignored []string
	Inputs           resource.PropertyMap
}

// Answer returns outputs of one resource beyond those that every resource gets, or the result of a look-up, which has a token and no
// name. It returns nil for none. It may be called from many goroutines.
type Answer func(token, name string) resource.PropertyMap

// Recording is a list of all registrations of one run, sorted by type and name.
type Recording []Registration

// Record runs a program as an update and as a preview, in which every value of the cloud is unknown, and returns the update's recording.
// It fails the test if either run fails, or if two resources have the same URN, which the mock monitor accepts silently.
//
// A test of a program that computes with values of the cloud passes answers. In the preview they are unknown all the same, except those
// that the program marks secret: the SDK's mock monitor fails on an unknown secret, and the engine does not.
func Record(t testing.TB, program pulumi.RunFunc, answers ...Answer) Recording {
	t.Helper()
	return RecordWith(t, nil, program, answers...)
}

// RecordWith is like Record, with the stack's configuration. All of it is secret.
func RecordWith(t testing.TB, config map[string]string, program pulumi.RunFunc, answers ...Answer) Recording {
	t.Helper()
	preview, err := run(program, &monitor{preview: true, answers: answers}, config)
	if err != nil {
		t.Fatalf("preview: %v", err)
	}
	update, err := run(program, &monitor{answers: answers}, config)
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	if len(preview) != len(update) {
		t.Errorf("a preview registers %d resources, an update %d: the program creates a resource inside an apply", len(preview), len(update))
	}
	seen := map[string]bool{}
	for _, r := range update {
		urn := r.Parent + " " + r.Type + " " + r.Name
		if seen[urn] {
			t.Errorf("registered twice: %s", urn)
		}
		seen[urn] = true
	}
	return update
}

// run runs a program with a monitor and returns the monitor's recording.
func run(program pulumi.RunFunc, m *monitor, config map[string]string) (Recording, error) {
	err := pulumi.RunErr(program, pulumi.WithMocks("beachhead", "test", m), func(info *pulumi.RunInfo) {
		info.DryRun, info.Config = m.preview, map[string]string{}
		for key, value := range config {
			info.Config["beachhead:"+key] = value
			info.ConfigSecretKeys = append(info.ConfigSecretKeys, "beachhead:"+key)
		}
	})
	slices.SortFunc(m.seen, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return m.seen, err
}

// OfType returns the registrations of one type.
func (r Recording) OfType(token string) Recording {
	return slices.DeleteFunc(slices.Clone(r), func(x Registration) bool { return x.Type != token })
}

// Named returns the registration of a type with a name. It fails the test if there is none.
func (r Recording) Named(t testing.TB, token, name string) Registration {
	t.Helper()
	for _, x := range r {
		if x.Type == token && x.Name == name {
			return x
		}
	}
	t.Fatalf("no %s %s among %s", token, name, r.OfType(token))
	return Registration{}
}

// String returns a recording as golden files have it. Reviewers see by it what a change affects.
func (r Recording) String() string {
	var b strings.Builder
	for _, x := range r {
		fmt.Fprintf(&b, "%s %s", x.Type, x.Name)
		if x.Parent != "" {
			fmt.Fprintf(&b, " parent=%s", resource.URN(x.Parent).Name())
		}
		if x.Protect {
			b.WriteString(" protect")
		}
		if x.Retain {
			b.WriteString(" retain")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// monitor answers as a cloud would: with the inputs, and ids.
type monitor struct {
	preview bool
	answers []Answer
	// refused is a registration that the monitor answers with refusal. Nil: it accepts all of them.
	refused *Registration
	refusal error
	mu      sync.Mutex
	seen    Recording
}

// NewResource records a registration. Many goroutines call it.
func (m *monitor) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if r := m.refused; r != nil && args.TypeToken == r.Type && args.Name == r.Name {
		return "", nil, m.refusal
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rpc := args.RegisterRPC
	m.seen = append(m.seen, Registration{
		Type: args.TypeToken, Name: args.Name, Parent: rpc.GetParent(), Provider: args.Provider, Custom: args.Custom,
		Protect: rpc.GetProtect(), Retain: rpc.GetRetainOnDelete(), DeleteFirst: rpc.GetDeleteBeforeReplace(),
		Dependencies: rpc.GetDependencies(), Secrets: rpc.GetAdditionalSecretOutputs(),
		Ignored: rpc.GetIgnoreChanges(), Inputs: args.Inputs,
	})
	out := args.Inputs.Copy()
	out["arn"] = resource.NewStringProperty("arn:aws:test:::" + args.Name)
	out["publicIp"] = resource.NewStringProperty("203.0.113.1")
	out["latestVersion"] = resource.NewNumberProperty(1)
	if !out.HasValue("name") {
		out["name"] = resource.NewStringProperty(args.Name)
	}
	for _, answer := range m.answers {
		for key, value := range answer(args.TypeToken, args.Name) {
			if !m.preview || slices.Contains(rpc.GetAdditionalSecretOutputs(), string(key)) {
				out[key] = value
			}
		}
	}
	return args.Name + "-id", out, nil
}

// Call answers the look-ups for which the test has an answer and refuses all others.
func (m *monitor) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	for _, answer := range m.answers {
		if found := answer(args.Token, ""); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("the program called %s; the test has no answer", args.Token)
}

// Plain removes the wrapping of secrets and outputs, at any depth, and returns the rest as Go values. Numbers are float64.
func Plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return Plain(v.SecretValue().Element)
	case v.IsOutput():
		return Plain(v.OutputValue().Element)
	case v.IsObject():
		out := map[string]any{}
		for key, value := range v.ObjectValue() {
			out[string(key)] = Plain(value)
		}
		return out
	case v.IsArray():
		out := []any{}
		for _, value := range v.ArrayValue() {
			out = append(out, Plain(value))
		}
		return out
	}
	return v.V
}
