package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// placeholder stands for a secret where the program runs without a cloud.
const placeholder = "[secret]"

// Node is one thing in the cloud as a program declares it.
type Node struct {
	URN, Type, Name string
	// Inputs are those that are known before anything is made, as plain values; secrets are replaced by "[secret]", and what depends on a
	// cloud's answer is left out.
	Inputs map[string]any
	// After are the URNs of the things that must be there first, sorted. A dependency on a component is one on the things that it had made
	// when it was named.
	After []string

	protect, retain bool
}

// Graph gives everything that a program declares for a stack with the given name, sorted by URN: no components and no providers. It runs
// the program as a preview does, in this process alone, with no cloud and no state: look-ups find nothing. Secrets are the names of those
// that the program reads from its configuration. It fails when the program does.
func Graph(name string, program pulumi.RunFunc, secrets []string) ([]Node, error) {
	config := map[string]string{}
	for _, secret := range secrets {
		config[Project+":"+secret] = placeholder
	}
	nodes, err := declared(name, program, config)
	if err != nil {
		return nil, fmt.Errorf("asking the program of %s what it makes: %w", name, err)
	}
	sorted := make([]Node, 0, len(nodes))
	for _, node := range nodes {
		sorted = append(sorted, node)
	}
	slices.SortFunc(sorted, func(a, b Node) int { return cmp.Compare(a.URN, b.URN) })
	return sorted, nil
}

// nodes asks the program what each of its resources depends on, by URN. No cloud knows it, and a state that lacks it deletes in the
// wrong order. (Refused: an update targeted at the adopted resources. When the program no longer has something that an untargeted resource
// depends on, Pulumi writes a state that it then cannot read.)
func (s *Stack) nodes(ctx context.Context) (map[string]Node, error) {
	settings, err := s.stack.GetAllConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", s.opts.Name, classify(err, nil))
	}
	config := map[string]string{}
	for key, value := range settings {
		config[key] = value.Value
	}
	nodes, err := declared(s.opts.Name, s.opts.Program, config)
	if err != nil {
		return nil, fmt.Errorf("asking the program of %s for dependencies: %w", s.opts.Name, err)
	}
	return nodes, nil
}

// declared runs a program against a monitor that only listens. All of its configuration is secret.
func declared(name string, program pulumi.RunFunc, config map[string]string) (map[string]Node, error) {
	l := &listener{stack: name, nodes: map[string]Node{}}
	if err := pulumi.RunErr(program, pulumi.WithMocks(Project, name, l), func(info *pulumi.RunInfo) {
		info.DryRun, info.Config = true, config
		for key := range config {
			info.ConfigSecretKeys = append(info.ConfigSecretKeys, key)
		}
	}); err != nil {
		return nil, err
	}
	for urn, node := range l.nodes {
		node.After = slices.DeleteFunc(node.After, func(need string) bool { return l.nodes[need].URN == "" })
		slices.Sort(node.After)
		node.After = slices.Compact(node.After)
		l.nodes[urn] = node
	}
	return l.nodes, nil
}

// listener is a resource monitor that keeps what is registered.
type listener struct {
	stack string

	mu    sync.Mutex
	nodes map[string]Node
}

// NewResource keeps what was registered and answers with what went in; everything else stays unknown, as in a preview. Only what the
// program itself declares secret is made up: the SDK's mock monitor, unlike the engine, fails on a secret that is unknown.
func (l *listener) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	rpc := args.RegisterRPC
	if rpc == nil {
		return "", args.Inputs, nil // read and not made
	}
	outputs := args.Inputs.Copy()
	for _, name := range rpc.GetAdditionalSecretOutputs() {
		if key := resource.PropertyKey(name); !outputs.HasValue(key) {
			outputs[key] = resource.NewStringProperty(placeholder)
		}
	}
	if !args.Custom || strings.HasPrefix(args.TypeToken, "pulumi:") {
		return "", outputs, nil
	}
	var under tokens.Type
	if parent := resource.URN(rpc.GetParent()); parent != "" && parent.QualifiedType() != resource.RootStackType {
		under = parent.QualifiedType()
	}
	urn := string(resource.NewURN(tokens.QName(l.stack), Project, under, tokens.Type(args.TypeToken), args.Name))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes[urn] = Node{
		URN: urn, Type: args.TypeToken, Name: args.Name, Inputs: args.Inputs.MapRepl(nil, hidden),
		After: slices.Clone(rpc.GetDependencies()), protect: rpc.GetProtect(), retain: rpc.GetRetainOnDelete(),
	}
	return "", outputs, nil
}

func hidden(value resource.PropertyValue) (any, bool) { return placeholder, value.IsSecret() }

// Call finds nothing: there is no cloud to ask. (Refused: to fail, since a program may well ask for what only fills in a property.)
func (l *listener) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}
