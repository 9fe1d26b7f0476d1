package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// state is a stack's state: what our types know of it, and all that Pulumi wrote.
type state struct {
	apitype.DeploymentV3
	raw apitype.UntypedDeployment
}

// ReadResources returns the entries of the stack's state, in its order.
func (s *Stack) ReadResources(ctx context.Context) ([]apitype.ResourceV3, error) {
	known, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	return known.Resources, nil
}

func (s *Stack) readState(ctx context.Context) (*state, error) {
	raw, err := s.stack.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of %s: %w", s.opts.Name, classifyError(s.opts.Name, err, nil))
	}
	known := &state{raw: raw}
	if len(raw.Deployment) == 0 {
		return known, nil
	}
	if err := json.Unmarshal(raw.Deployment, &known.DeploymentV3); err != nil {
		return nil, fmt.Errorf("decoding the state of %s: %w", s.opts.Name, err)
	}
	return known, nil
}

// stateEdit changes the resources of a state as Pulumi wrote them.
type stateEdit func(resources []json.RawMessage) ([]json.RawMessage, error)

// keepResources is the edit that changes no resource.
func keepResources(resources []json.RawMessage) ([]json.RawMessage, error) { return resources, nil }

// writeState writes the stack's state with edited resources and without pending operations. It retains everything else, also what a newer
// Pulumi wrote and our types do not know.
func (s *Stack) writeState(ctx context.Context, before *state, edit stateEdit) error {
	after := before.raw
	var err error
	if after.Deployment, err = editDeployment(before.raw.Deployment, edit); err != nil {
		return fmt.Errorf("decoding the state of %s: %w", s.opts.Name, err)
	}
	if err := s.stack.Import(ctx, after); err != nil {
		return fmt.Errorf("writing the state of %s: %w", s.opts.Name, classifyError(s.opts.Name, err, nil))
	}
	return nil
}

func editDeployment(deployment json.RawMessage, edit stateEdit) (json.RawMessage, error) {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(deployment, &parts); err != nil {
		return nil, err
	}
	delete(parts, "pending_operations")
	var resources []json.RawMessage
	if len(parts["resources"]) > 0 {
		if err := json.Unmarshal(parts["resources"], &resources); err != nil {
			return nil, err
		}
	}
	resources, err := edit(resources)
	if err != nil {
		return nil, err
	}
	if parts["resources"], err = json.Marshal(resources); err != nil {
		return nil, err
	}
	return json.Marshal(parts)
}

// appendEntries adds entries to a state's resources.
func appendEntries(resources []json.RawMessage, more []apitype.ResourceV3) ([]json.RawMessage, error) {
	for _, r := range more {
		text, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		resources = append(resources, text)
	}
	return resources, nil
}

// unprotectKept removes the protection from every resource that stays in the cloud when the stack releases it. The engine requires that:
// to it, a release is a deletion like any other.
func unprotectKept(resources []json.RawMessage) ([]json.RawMessage, error) {
	for i, text := range resources {
		var r apitype.ResourceV3
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		if !isKept(r) {
			continue
		}
		all := map[string]json.RawMessage{}
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, err
		}
		delete(all, "protect")
		var err error
		if resources[i], err = json.Marshal(all); err != nil {
			return nil, err
		}
	}
	return resources, nil
}

// isKept reports whether a resource is protected and yet no reason to refuse a down, since it stays in the cloud.
func isKept(r apitype.ResourceV3) bool { return r.Protect && r.RetainOnDelete }
