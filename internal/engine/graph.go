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

// secretPlaceholder replaces a secret in plain values, and where the program runs without a cloud.
const secretPlaceholder = "[secret]"

// Node is one resource in the cloud as a program declares it.
type Node struct {
	URN, Type, Name string
	// Inputs are plain values that the program knows before any resource exists. "[secret]" replaces secrets, and inputs that depend on a
	// cloud's answer are absent.
	Inputs map[string]any
	// After are the URNs of the resources that must exist first, sorted. A dependency on a component is one on the resources that the
	// component had created when the program named it.
	After []string

	protect, retain bool
}

// DeclaredResources returns every resource that a program declares for a stack with the given name, sorted by URN: no components and no
// providers. It runs the program as a preview does, in this process alone, with no cloud and no state; look-ups find nothing. Secrets are
// the names of those that the program reads from its configuration. It fails when the program does.
func DeclaredResources(name string, program pulumi.RunFunc, secrets []string) ([]Node, error) {
	config := map[string]string{}
	for _, secret := range secrets {
		config[Project+":"+secret] = secretPlaceholder
	}
	nodes, err := runProgram(name, program, config)
	if err != nil {
		return nil, fmt.Errorf("running the program of %s without a cloud: %w", name, err)
	}
	sorted := make([]Node, 0, len(nodes))
	for _, node := range nodes {
		sorted = append(sorted, node)
	}
	slices.SortFunc(sorted, func(a, b Node) int { return cmp.Compare(a.URN, b.URN) })
	return sorted, nil
}

// declaredNodes returns what the program declares, by URN. No cloud knows a resource's dependencies, and a state without them deletes in
// the wrong order. (Refused: an update targeted at the adopted resources. When the program no longer has a dependency of an untargeted
// resource, Pulumi writes a state that it then cannot read.)
func (s *Stack) declaredNodes(ctx context.Context) (map[string]Node, error) {
	settings, err := s.stack.GetAllConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", s.opts.Name, classifyError(s.opts.Name, err, nil))
	}
	config := map[string]string{}
	for key, value := range settings {
		config[key] = value.Value
	}
	nodes, err := runProgram(s.opts.Name, s.opts.Program, config)
	if err != nil {
		return nil, fmt.Errorf("finding the dependencies that the program of %s declares: %w", s.opts.Name, err)
	}
	return nodes, nil
}

// runProgram runs a program against a monitor that only records. All of its configuration is secret.
func runProgram(name string, program pulumi.RunFunc, config map[string]string) (map[string]Node, error) {
	m := &recordingMonitor{stack: name, nodes: map[string]Node{}}
	if err := pulumi.RunErr(program, pulumi.WithMocks(Project, name, m), func(info *pulumi.RunInfo) {
		info.DryRun, info.Config = true, config
		for key := range config {
			info.ConfigSecretKeys = append(info.ConfigSecretKeys, key)
		}
	}); err != nil {
		return nil, err
	}
	for urn, node := range m.nodes {
		node.After = slices.DeleteFunc(node.After, func(need string) bool { return m.nodes[need].URN == "" })
		slices.Sort(node.After)
		node.After = slices.Compact(node.After)
		m.nodes[urn] = node
	}
	return m.nodes, nil
}

// recordingMonitor is a resource monitor that records registrations.
type recordingMonitor struct {
	stack string

	mu    sync.Mutex
	nodes map[string]Node
}

// NewResource records a registration and returns its inputs as outputs; everything else stays unknown, as in a preview. It invents only
// outputs that the program itself declares secret: the SDK's mock monitor, unlike the engine, fails on an unknown secret.
func (m *recordingMonitor) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	rpc := args.RegisterRPC
	if rpc == nil {
		return "", args.Inputs, nil // a resource that the program reads and does not declare
	}
	outputs := args.Inputs.Copy()
	for _, name := range rpc.GetAdditionalSecretOutputs() {
		if key := resource.PropertyKey(name); !outputs.HasValue(key) {
			outputs[key] = resource.NewStringProperty(secretPlaceholder)
		}
	}
	if !args.Custom || strings.HasPrefix(args.TypeToken, pulumiTypes) {
		return "", outputs, nil
	}
	var parentType tokens.Type
	if parent := resource.URN(rpc.GetParent()); parent != "" && parent.QualifiedType() != resource.RootStackType {
		parentType = parent.QualifiedType()
	}
	urn := string(resource.NewURN(tokens.QName(m.stack), Project, parentType, tokens.Type(args.TypeToken), args.Name))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[urn] = Node{
		URN: urn, Type: args.TypeToken, Name: args.Name, Inputs: args.Inputs.MapRepl(nil, replaceSecret),
		After: slices.Clone(rpc.GetDependencies()), protect: rpc.GetProtect(), retain: rpc.GetRetainOnDelete(),
	}
	return "", outputs, nil
}

func replaceSecret(value resource.PropertyValue) (any, bool) {
	return secretPlaceholder, value.IsSecret()
}

// Call finds nothing: there is no cloud to query. (Refused: an error, since a look-up may serve only to fill in a property.)
func (m *recordingMonitor) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}
