package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// dependencies asks the program what each of its resources depends on, by URN. No cloud knows it, and a state that lacks it deletes in the
// wrong order. The program runs as in a preview, against a monitor that only listens. (Refused: an update targeted at the adopted
// resources. When the program no longer has something that an untargeted resource depends on, Pulumi writes a state that it then cannot
// read.)
func (s *Stack) dependencies(ctx context.Context) (map[string][]string, error) {
	settings, err := s.stack.GetAllConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", s.opts.Name, classify(err, nil))
	}
	config := map[string]string{}
	for key, value := range settings {
		config[key] = value.Value
	}
	l := &listener{stack: s.opts.Name, needs: map[string][]string{}}
	if err := pulumi.RunErr(s.opts.Program, pulumi.WithMocks(Project, s.opts.Name, l), func(info *pulumi.RunInfo) {
		info.DryRun, info.Config = true, config
	}); err != nil {
		return nil, fmt.Errorf("asking the program of %s for dependencies: %w", s.opts.Name, err)
	}
	return l.needs, nil
}

// listener is a resource monitor that keeps what resources depend on.
type listener struct {
	stack string

	mu    sync.Mutex
	needs map[string][]string
}

// NewResource keeps the dependencies and answers with what went in; everything else stays unknown, as in a preview.
func (l *listener) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if rpc := args.RegisterRPC; rpc != nil {
		var under tokens.Type
		if parent := resource.URN(rpc.GetParent()); parent != "" && parent.QualifiedType() != resource.RootStackType {
			under = parent.QualifiedType()
		}
		urn := resource.NewURN(tokens.QName(l.stack), Project, under, tokens.Type(args.TypeToken), args.Name)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.needs[string(urn)] = rpc.GetDependencies()
	}
	return "", args.Inputs, nil
}

// Call refuses: there is no cloud to ask.
func (l *listener) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, errors.New("look-ups that decide what is made are refused: " + args.Token)
}
