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
)

// A process that dies between the cloud's "made" and the state's "recorded" leaves a resource that the next run would make a second
// time. Pulumi keeps a pending operation for it only when its own process died and the provider's did not answer; it never knows the
// id. So what the stack owns is looked up in the cloud by its tags, compared with the state, and what the state lacks is imported
// under the name that the program gives it. (Refused: `pulumi refresh` with ids, which needs those pending operations; recording ids
// before the call, which no cloud offers for most of these types.)

// Inventory lists what a stack owns in the cloud.
type Inventory interface {
	// Owned gives everything that carries the stack's tag, and what hangs on it and takes no tags.
	Owned(ctx context.Context, stack string) ([]Owned, error)
}

// Owned is one thing in the cloud.
type Owned struct {
	// Type is the Pulumi type token.
	Type string
	// Name is its Name tag, which components set to the resource's name. Empty where the type takes no tags.
	Name string
	// ID is what the state holds for it, ImportID what an import takes: the two differ for routes and the like.
	ID, ImportID string
	// Inputs tell apart what takes no tags.
	Inputs map[string]any
}

// identity lists the inputs that tell which resource of the program a thing is, for the types that take no tags.
var identity = map[string][]string{
	"aws:ec2/route:Route": {"routeTableId", "destinationCidrBlock"},
	"aws:ec2/routeTableAssociation:RouteTableAssociation": {"subnetId"},
	"aws:ec2/eipAssociation:EipAssociation":               {"allocationId"},
	"aws:iam/rolePolicy:RolePolicy":                       {"role", "name"},
}

// adopt imports what the cloud has and the state lacks. It goes round until nothing is found: what hangs on an adopted thing shows
// only once that is in the state.
func (s *Stack) adopt(ctx context.Context) ([]Step, error) {
	if s.opts.Inventory == nil || s.opts.Program == nil {
		return nil, nil
	}
	var adopted []Step
	for {
		orphans, known, err := s.orphans(ctx)
		if err != nil {
			return nil, err
		}
		var found []Step
		if len(orphans) > 0 {
			before, err := s.preview(ctx, nil)
			if err != nil {
				return nil, err
			}
			found = match(before.steps, orphans)
		}
		// A cloud may list for a while what is gone already; the refresh then drops it again, and no further round finds anything new.
		found = slices.DeleteFunc(found, func(f Step) bool {
			return slices.ContainsFunc(adopted, func(a Step) bool { return a.URN == f.URN })
		})
		if len(found) == 0 {
			return adopted, nil
		}
		if err := s.importAll(ctx, found, known); err != nil {
			return nil, fmt.Errorf("taking up what an earlier run made in %s: %w", s.opts.Name, err)
		}
		adopted = append(adopted, found...)
	}
}

// orphans gives what the stack owns and its state lacks, and the URNs that the state has. Creations that the state still takes for
// pending are dropped from it: the cloud has just said what became of them.
func (s *Stack) orphans(ctx context.Context) ([]Owned, map[string]bool, error) {
	owned, err := s.opts.Inventory.Owned(ctx, s.opts.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("looking for what %s owns: %w", s.opts.Name, err)
	}
	if len(owned) == 0 {
		return nil, nil, nil
	}
	deployment, untyped, err := s.state(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids, urns := map[string]bool{}, map[string]bool{}
	for _, r := range deployment.Resources {
		ids[string(r.Type)+"\x00"+string(r.ID)] = true
		urns[string(r.URN)] = true
	}
	orphans := slices.DeleteFunc(owned, func(o Owned) bool { return ids[o.Type+"\x00"+o.ID] })
	if len(deployment.PendingOperations) == 0 {
		return orphans, urns, nil
	}
	return orphans, urns, s.restate(ctx, untyped, nil)
}

// match pairs what a preview would create with what is there already.
func match(steps []Step, orphans []Owned) []Step {
	var found []Step
	for _, step := range steps {
		if step.Op != string(apitype.OpCreate) || !step.Changes() {
			continue
		}
		for _, o := range orphans {
			if o.is(step) {
				step.ID = o.ImportID
				found = append(found, step)
				break
			}
		}
	}
	return found
}

func (o Owned) is(step Step) bool {
	if o.Type != step.Type {
		return false
	}
	keys, untagged := identity[o.Type]
	if !untagged {
		return o.Name != "" && o.Name == step.Name
	}
	for _, key := range keys {
		planned, isText := step.Inputs[key].(string)
		// A preview shows what it does not know yet as a text that no cloud uses for an id, so it never matches.
		if !isText || planned != o.Inputs[key] {
			return false
		}
	}
	return true
}

// importAll brings resources into the stack's state: an entry that has no more than its id and what it depends on, which a refresh then
// completes from the cloud, as it does for an import. (`pulumi import` itself was refused: it wants the program's language plugin, which
// the Automation API does not need.) Their parents and their provider must be in the state first.
func (s *Stack) importAll(ctx context.Context, found []Step, known map[string]bool) error {
	urns := []string{}
	for _, step := range found {
		urns = append(urns, step.URN)
	}
	if missing := surroundings(found, known); len(missing) > 0 {
		if _, err := s.stack.Up(ctx, optup.Target(missing)); err != nil {
			return classify(err, nil)
		}
	}
	deployment, untyped, err := s.state(ctx)
	if err != nil {
		return err
	}
	needs, err := s.dependencies(ctx)
	if err != nil {
		return err
	}
	if err := s.restate(ctx, untyped, entries(found, deployment.Resources, needs)); err != nil {
		return err
	}
	_, err = s.stack.Refresh(ctx, optrefresh.Target(urns), optrefresh.Parallel(parallel))
	return classify(err, nil)
}

// surroundings are the parents and providers of found resources that the state lacks.
func surroundings(found []Step, known map[string]bool) []string {
	var missing []string
	for _, step := range found {
		for _, urn := range []string{step.parent, providerURN(step.provider)} {
			if !known[urn] && !slices.Contains(missing, urn) {
				missing = append(missing, urn)
			}
		}
	}
	return missing
}

// entries makes state entries of found resources. A preview's steps come in an order in which nothing precedes what it needs, which is the
// order that a state must have.
func entries(found []Step, there []apitype.ResourceV3, needs map[string][]string) []apitype.ResourceV3 {
	ids := map[string]resource.ID{}
	for _, r := range there {
		ids[string(r.URN)] = r.ID
	}
	var all []apitype.ResourceV3
	for _, step := range found {
		provider := providerURN(step.provider)
		entry := apitype.ResourceV3{
			URN: resource.URN(step.URN), Type: tokens.Type(step.Type), Custom: true, ID: resource.ID(step.ID),
			Parent: resource.URN(step.parent), Provider: provider + "::" + string(ids[provider]),
		}
		for _, need := range needs[step.URN] {
			if _, inState := ids[need]; inState {
				entry.Dependencies = append(entry.Dependencies, resource.URN(need))
			}
		}
		ids[step.URN] = entry.ID
		all = append(all, entry)
	}
	return all
}

// restate writes the stack's state with more resources and no pending operations. It leaves everything else as it is, also what a
// newer Pulumi put there and our types do not know.
func (s *Stack) restate(ctx context.Context, untyped apitype.UntypedDeployment, more []apitype.ResourceV3) error {
	deployment, err := extended(untyped.Deployment, more)
	if err != nil {
		return fmt.Errorf("the state of %s cannot be read: %w", s.opts.Name, err)
	}
	untyped.Deployment = deployment
	if err := s.stack.Import(ctx, untyped); err != nil {
		return fmt.Errorf("writing the state of %s: %w", s.opts.Name, classify(err, nil))
	}
	return nil
}

func extended(deployment json.RawMessage, more []apitype.ResourceV3) (json.RawMessage, error) {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(deployment, &parts); err != nil {
		return nil, err
	}
	delete(parts, "pending_operations")
	var resources []any
	if len(parts["resources"]) > 0 {
		var there []json.RawMessage
		if err := json.Unmarshal(parts["resources"], &there); err != nil {
			return nil, err
		}
		for _, r := range there {
			resources = append(resources, r)
		}
	}
	for _, r := range more {
		resources = append(resources, r)
	}
	all, err := json.Marshal(resources)
	if err != nil {
		return nil, err
	}
	parts["resources"] = all
	return json.Marshal(parts)
}

// providerURN takes the id off a provider reference, which is a URN and an id joined by "::".
func providerURN(reference string) string {
	if end := strings.LastIndex(reference, "::"); end > 0 {
		return reference[:end]
	}
	return reference
}
