package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// A process that dies between the cloud's "made" and the state's "recorded" leaves a resource that the next run would make a second
// time. Pulumi keeps a pending operation for it only when its own process died and the provider's did not answer; it never knows the
// id. So what the stack owns is looked up in the cloud by its tags, compared with the state, and what the state lacks is imported
// under the name that the program gives it. What a down kept comes back in the same way. And between the cloud's "deleted" and the state's
// "forgotten" a process that dies leaves an entry for nothing, which the next up would take for there. (Refused: `pulumi refresh` with ids, which needs
// those pending operations; recording ids before the call, which no cloud offers for most of these types.)

// difference is how a stack's state and the cloud differ.
type difference struct {
	known *state
	// orphans are what the stack owns and its state lacks.
	orphans []inventory.Resource
	// doubtful are the URNs of what the state may be wrong about: what it has and the inventory does not list, and what was being
	// changed when the machine died.
	doubtful []string
}

// adopt makes the state agree with the cloud: it drops what is gone and imports what the state lacks. It goes round until nothing is
// found: what hangs on an adopted thing shows only once that is in the state.
func (s *Stack) adopt(ctx context.Context) ([]Step, error) {
	if s.opts.Inventory == nil || s.opts.Program == nil {
		return nil, nil
	}
	var adopted []Step
	for {
		d, err := s.compare(ctx)
		if err != nil {
			return nil, err
		}
		if len(adopted) == 0 {
			if err := s.settle(ctx, d); err != nil {
				return nil, err
			}
		}
		found, err := s.missing(ctx, d.orphans)
		if err != nil {
			return nil, err
		}
		// A cloud may list for a while what is gone already; the refresh then drops it again, and no further round finds anything new.
		found = without(found, adopted)
		if len(found) == 0 {
			return adopted, nil
		}
		if err := s.importAll(ctx, found, d.known); err != nil {
			return nil, fmt.Errorf("taking up what an earlier run made in %s: %w", s.opts.Name, err)
		}
		adopted = append(adopted, found...)
	}
}

// settle asks the cloud itself about what is doubtful, and takes the operations out of the state that it still takes for pending. An
// inventory alone drops nothing: it may be late, or not look everywhere. (Refused: to leave it to the up. It would take what a killed down
// has deleted for there, and would ask for a killed update again; EC2 takes one change of a volume in six hours. Source: the EC2 API
// reference, ModifyVolume.)
func (s *Stack) settle(ctx context.Context, d *difference) error {
	if len(d.known.PendingOperations) > 0 {
		if err := s.restate(ctx, d.known, unedited); err != nil {
			return err
		}
	}
	if len(d.doubtful) == 0 {
		return nil
	}
	_, err := s.stack.Refresh(ctx, optrefresh.Target(d.doubtful), optrefresh.Parallel(parallel))
	return classify(err, nil)
}

// missing gives the steps of the program that orphans make needless.
func (s *Stack) missing(ctx context.Context, orphans []inventory.Resource) ([]Step, error) {
	if len(orphans) == 0 {
		return nil, nil
	}
	before, err := s.preview(ctx, nil)
	if err != nil {
		return nil, err
	}
	return match(before.steps, orphans)
}

// adoptable says which of a preview's steps an up would take up instead. It writes nothing. What takes no tags and hangs on one of them is
// not found: a preview does not know yet what it hangs on.
func (s *Stack) adoptable(ctx context.Context, steps []Step) ([]Step, error) {
	if s.opts.Inventory == nil || s.opts.Program == nil {
		return nil, nil
	}
	d, err := s.compare(ctx)
	if err != nil {
		return nil, err
	}
	return match(steps, d.orphans)
}

// compare holds what the stack owns in the cloud against its state.
func (s *Stack) compare(ctx context.Context) (*difference, error) {
	owned, err := s.opts.Inventory.FindOwned(ctx, s.opts.Name)
	if err != nil {
		return nil, fmt.Errorf("looking for what %s owns: %w", s.opts.Name, err)
	}
	known, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	return differ(owned, known), nil
}

func differ(owned []inventory.Resource, known *state) *difference {
	d := &difference{known: known}
	listed, recorded := map[string]bool{}, map[string]bool{}
	for _, o := range owned {
		listed[o.Key()] = true
	}
	for _, r := range known.Resources {
		key := inventory.Resource{Type: string(r.Type), ID: string(r.ID)}.Key()
		recorded[key] = true
		// What is on its way out of the state already is the engine's business.
		if inCloud(r) && !r.Delete && !listed[key] {
			d.doubtful = append(d.doubtful, string(r.URN))
		}
	}
	for _, pending := range known.PendingOperations {
		if pending.Type == apitype.OperationTypeUpdating && !slices.Contains(d.doubtful, string(pending.Resource.URN)) {
			d.doubtful = append(d.doubtful, string(pending.Resource.URN))
		}
	}
	d.orphans = slices.DeleteFunc(slices.Clone(owned), func(o inventory.Resource) bool { return recorded[o.Key()] })
	return d
}

// importAll brings resources into the stack's state: an entry that has no more than its id and what the program says about it, which a
// refresh then completes from the cloud, as it does for an import. (`pulumi import` itself was refused: it wants the program's language
// plugin, which the Automation API does not need.) Their parents and their provider must be in the state first.
func (s *Stack) importAll(ctx context.Context, found []Step, known *state) error {
	urns := []string{}
	for _, step := range found {
		urns = append(urns, step.URN)
	}
	if missing := surroundings(found, known.Resources); len(missing) > 0 {
		if _, err := s.stack.Up(ctx, optup.Target(missing)); err != nil {
			return classify(err, nil)
		}
	}
	before, err := s.state(ctx)
	if err != nil {
		return err
	}
	nodes, err := s.nodes(ctx)
	if err != nil {
		return err
	}
	add := func(resources []json.RawMessage) ([]json.RawMessage, error) {
		return appended(resources, entries(found, before.Resources, nodes))
	}
	if err := s.restate(ctx, before, add); err != nil {
		return err
	}
	_, err = s.stack.Refresh(ctx, optrefresh.Target(urns), optrefresh.Parallel(parallel))
	return classify(err, nil)
}

// surroundings are the parents and providers of found resources that the state lacks.
func surroundings(found []Step, there []apitype.ResourceV3) []string {
	var missing []string
	for _, step := range found {
		for _, urn := range []string{step.parent, providerURN(step.provider)} {
			known := slices.ContainsFunc(there, func(r apitype.ResourceV3) bool { return string(r.URN) == urn })
			if !known && !slices.Contains(missing, urn) {
				missing = append(missing, urn)
			}
		}
	}
	return missing
}

// entries makes state entries of found resources. A preview's steps come in an order in which nothing precedes what it needs, which is the
// order that a state must have. Protection goes in with them: a down that takes up what an earlier one kept must keep it again.
func entries(found []Step, there []apitype.ResourceV3, nodes map[string]Node) []apitype.ResourceV3 {
	ids := map[string]resource.ID{}
	for _, r := range there {
		ids[string(r.URN)] = r.ID
	}
	var all []apitype.ResourceV3
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
		all = append(all, entry)
	}
	return all
}

// providerURN takes the id off a provider reference, which is a URN and an id joined by "::".
func providerURN(reference string) string {
	if end := strings.LastIndex(reference, "::"); end > 0 {
		return reference[:end]
	}
	return reference
}
