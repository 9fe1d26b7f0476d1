package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optimport"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
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
		if err != nil || len(orphans) == 0 {
			return adopted, err
		}
		before, err := s.preview(ctx, nil)
		if err != nil {
			return nil, err
		}
		found := match(before.steps, orphans)
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
	deployment.PendingOperations = nil
	if untyped.Deployment, err = json.Marshal(deployment); err != nil {
		return nil, nil, fmt.Errorf("writing the state: %w", err)
	}
	if err := s.stack.Import(ctx, untyped); err != nil {
		return nil, nil, fmt.Errorf("clearing pending operations: %w", classify(err, nil))
	}
	return orphans, urns, nil
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

// importAll brings resources under the stack's state. Their parents and their provider must be in it first.
func (s *Stack) importAll(ctx context.Context, found []Step, known map[string]bool) error {
	names := map[string]string{}
	var imports []*optimport.ImportResource
	var missing []string
	for _, step := range found {
		provider := providerURN(step.provider)
		for _, urn := range []string{step.parent, provider} {
			if !known[urn] && !slices.Contains(missing, urn) {
				missing = append(missing, urn)
			}
			names[nick(urn)] = urn
		}
		imports = append(imports, &optimport.ImportResource{
			ID: step.ID, Type: step.Type, Name: step.Name, Parent: nick(step.parent), Provider: nick(provider),
		})
	}
	if len(missing) > 0 {
		if _, err := s.stack.Up(ctx, optup.Target(missing)); err != nil {
			return classify(err, nil)
		}
	}
	_, err := s.stack.ImportResources(ctx, optimport.Resources(imports), optimport.NameTable(names), optimport.Protect(false),
		optimport.GenerateCode(false))
	return classify(err, nil)
}

// providerURN takes the id off a provider reference.
func providerURN(reference string) string {
	urn, id := reference, ""
	for i := len(reference) - 1; i > 1; i-- {
		if reference[i-1:i+1] == "::" {
			urn, id = reference[:i-1], reference[i+1:]
			break
		}
	}
	if id == "" {
		return reference
	}
	return urn
}

// nick is a name for a URN in an import's table of names, which takes no colons.
func nick(urn string) string { return resource.URN(urn).Name() }
