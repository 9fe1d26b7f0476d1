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

// Resources gives what the stack's state holds, in its order.
func (s *Stack) Resources(ctx context.Context) ([]apitype.ResourceV3, error) {
	known, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	return known.Resources, nil
}

func (s *Stack) state(ctx context.Context) (*state, error) {
	raw, err := s.stack.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of %s: %w", s.opts.Name, classify(err, nil))
	}
	known := &state{raw: raw}
	if len(raw.Deployment) == 0 {
		return known, nil
	}
	if err := json.Unmarshal(raw.Deployment, &known.DeploymentV3); err != nil {
		return nil, fmt.Errorf("the state of %s cannot be read: %w", s.opts.Name, err)
	}
	return known, nil
}

// edit changes the resources of a state as Pulumi wrote them.
type edit func(resources []json.RawMessage) ([]json.RawMessage, error)

// unedited leaves the resources as they are.
func unedited(resources []json.RawMessage) ([]json.RawMessage, error) { return resources, nil }

// restate writes the stack's state with edited resources and no pending operations. It leaves everything else as it is, also what a
// newer Pulumi put there and our types do not know.
func (s *Stack) restate(ctx context.Context, before *state, change edit) error {
	after := before.raw
	var err error
	if after.Deployment, err = edited(before.raw.Deployment, change); err != nil {
		return fmt.Errorf("the state of %s cannot be read: %w", s.opts.Name, err)
	}
	if err := s.stack.Import(ctx, after); err != nil {
		return fmt.Errorf("writing the state of %s: %w", s.opts.Name, classify(err, nil))
	}
	return nil
}

func edited(deployment json.RawMessage, change edit) (json.RawMessage, error) {
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
	resources, err := change(resources)
	if err != nil {
		return nil, err
	}
	if parts["resources"], err = json.Marshal(resources); err != nil {
		return nil, err
	}
	return json.Marshal(parts)
}

// appended adds entries to a state's resources.
func appended(resources []json.RawMessage, more []apitype.ResourceV3) ([]json.RawMessage, error) {
	for _, r := range more {
		text, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		resources = append(resources, text)
	}
	return resources, nil
}

// released takes the protection off everything that stays in the cloud when the stack lets go of it. The engine wants that: to it, letting
// go is a deletion like any other.
func released(resources []json.RawMessage) ([]json.RawMessage, error) {
	for i, text := range resources {
		var r apitype.ResourceV3
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		if !kept(r) {
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

// kept says whether a resource is protected and yet no reason to refuse a down, since it stays in the cloud.
func kept(r apitype.ResourceV3) bool { return r.Protect && r.RetainOnDelete }
