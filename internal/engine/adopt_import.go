package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// importResources adds resources to the stack's state. An entry has no more than its id and what the program declares about it; a refresh
// then completes it from the cloud, as it does for an import. (Refused: `pulumi import` itself. It needs the plugin of the program's
// language, which the Automation API does without.) Their parents and their provider must be in the state first.
func (s *Stack) importResources(ctx context.Context, found []Step, known *state) error {
	urns := []string{}
	for _, step := range found {
		urns = append(urns, step.URN)
	}
	if missing := missingSurroundings(found, known.Resources); len(missing) > 0 {
		if _, err := s.stack.Up(ctx, optup.Target(missing)); err != nil {
			return classifyError(s.opts.Name, err, nil)
		}
	}
	before, err := s.readState(ctx)
	if err != nil {
		return err
	}
	nodes, err := s.declaredNodes(ctx)
	if err != nil {
		return err
	}
	add := func(resources []json.RawMessage) ([]json.RawMessage, error) {
		return appendEntries(resources, newEntries(found, before.Resources, nodes))
	}
	if err := s.writeState(ctx, before, add); err != nil {
		return err
	}
	_, err = s.stack.Refresh(ctx, optrefresh.Target(urns), optrefresh.Parallel(maxParallel))
	return classifyError(s.opts.Name, err, nil)
}

// missingSurroundings returns the parents and providers of found resources that the state lacks.
func missingSurroundings(found []Step, existing []apitype.ResourceV3) []string {
	var missing []string
	for _, step := range found {
		for _, urn := range []string{step.parent, providerURN(step.provider)} {
			known := slices.ContainsFunc(existing, func(r apitype.ResourceV3) bool { return string(r.URN) == urn })
			if !known && !slices.Contains(missing, urn) {
				missing = append(missing, urn)
			}
		}
	}
	return missing
}

// newEntries returns state entries for found resources. A preview lists each resource after everything that it needs, which is the order
// that a state must have. The entries are protected as the program declares it: a down that adopts what an earlier one kept must keep it
// again.
func newEntries(found []Step, existing []apitype.ResourceV3, nodes map[string]Node) []apitype.ResourceV3 {
	ids := map[string]resource.ID{}
	for _, r := range existing {
		ids[string(r.URN)] = r.ID
	}
	var entries []apitype.ResourceV3
	for _, step := range found {
		provider, node := providerURN(step.provider), nodes[step.URN]
		entry := apitype.ResourceV3{
			URN: resource.URN(step.URN), Type: tokens.Type(step.Type), Custom: true, ID: resource.ID(step.ID),
			Parent: resource.URN(step.parent), Provider: provider + "::" + string(ids[provider]),
			Protect: node.protect, RetainOnDelete: node.retain,
		}
		for _, need := range node.After {
			if _, inState := ids[need]; inState {
				entry.Dependencies = append(entry.Dependencies, resource.URN(need))
			}
		}
		ids[step.URN] = entry.ID
		entries = append(entries, entry)
	}
	return entries
}

// providerURN removes the id from a provider reference, which is a URN and an id joined by "::".
func providerURN(reference string) string {
	if end := strings.LastIndex(reference, "::"); end > 0 {
		return reference[:end]
	}
	return reference
}
