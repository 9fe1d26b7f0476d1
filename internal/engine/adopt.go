package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// A process that is killed after the cloud has created a resource and before the state records it leaves a resource that the next run
// would create a second time. Pulumi keeps a pending operation for it only when its own process died and the provider did not answer; it
// never knows the id. Therefore the engine searches the cloud for what the stack owns by its tags, compares it with the state, and imports
// what the state lacks, under the name that the program has for it. It adopts what a down kept in the same way. A process that is killed
// after the cloud has deleted a resource and before the state drops it leaves an entry for nothing, and the next up would believe it.
// (Refused: `pulumi refresh` with ids, which needs those pending operations; recording ids before the call, which no cloud offers for most
// of these types.)

// difference is how a stack's state and the cloud differ.
type difference struct {
	state *state
	// orphans are what the stack owns and its state lacks.
	orphans []inventory.Resource
	// doubtful are the URNs of entries that may be wrong: the inventory does not list them, or an update of them was pending when the
	// machine died.
	doubtful []string
}

// adopt makes the state agree with the cloud: it drops what was deleted and imports what the state lacks. It repeats that until it finds
// nothing more: a resource that belongs to an adopted one is recognised only once that one is in the state.
func (s *Stack) adopt(ctx context.Context) ([]Step, error) {
	if s.opts.Inventory == nil || s.opts.Program == nil {
		return nil, nil
	}
	var adopted []Step
	for {
		d, err := s.compareWithCloud(ctx)
		if err != nil {
			return nil, err
		}
		if len(adopted) == 0 {
			if err := s.resolveDoubts(ctx, d); err != nil {
				return nil, err
			}
		}
		found, err := s.matchOrphans(ctx, d.orphans)
		if err != nil {
			return nil, err
		}
		// A cloud may list for a while what it has already deleted; the refresh then drops it again, and no further round finds anything new.
		found = withoutResources(found, adopted)
		if len(found) == 0 {
			return adopted, nil
		}
		if err := s.importResources(ctx, found, d.state); err != nil {
			return nil, fmt.Errorf("adopting what an earlier run created in %s: %w", s.opts.Name, err)
		}
		adopted = append(adopted, found...)
	}
}

// resolveDoubts queries the cloud itself about doubtful entries, and removes the pending operations from the state. An inventory alone
// drops nothing: it may be late, or not search everywhere. (Refused: leaving it to the up. It would believe entries that a killed down has
// deleted, and would request a killed update again; EC2 accepts one change of a volume in six hours. Source: the EC2 API reference,
// ModifyVolume.)
func (s *Stack) resolveDoubts(ctx context.Context, d *difference) error {
	if len(d.state.PendingOperations) > 0 {
		if err := s.writeState(ctx, d.state, keepResources); err != nil {
			return err
		}
	}
	if len(d.doubtful) == 0 {
		return nil
	}
	_, err := s.stack.Refresh(ctx, optrefresh.Target(d.doubtful), optrefresh.Parallel(maxParallel))
	return classifyError(s.opts.Name, err, nil)
}

// matchOrphans returns the steps of the program that orphans make needless.
func (s *Stack) matchOrphans(ctx context.Context, orphans []inventory.Resource) ([]Step, error) {
	if len(orphans) == 0 {
		return nil, nil
	}
	before, err := s.runPreview(ctx, nil)
	if err != nil {
		return nil, err
	}
	return matchSteps(before.steps, orphans)
}

// findAdoptable returns those of a preview's steps that an up would adopt instead. It writes nothing. It misses resources without tags
// that belong to one of them: a preview does not know yet what they belong to.
func (s *Stack) findAdoptable(ctx context.Context, steps []Step) ([]Step, error) {
	if s.opts.Inventory == nil || s.opts.Program == nil {
		return nil, nil
	}
	d, err := s.compareWithCloud(ctx)
	if err != nil {
		return nil, err
	}
	return matchSteps(steps, d.orphans)
}

// compareWithCloud compares the stack's state with what the stack owns in the cloud.
func (s *Stack) compareWithCloud(ctx context.Context) (*difference, error) {
	owned, err := s.opts.Inventory.FindOwned(ctx, s.opts.Name)
	if err != nil {
		return nil, fmt.Errorf("searching for what %s owns: %w", s.opts.Name, err)
	}
	known, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	return compareState(owned, known), nil
}

func compareState(owned []inventory.Resource, known *state) *difference {
	d := &difference{state: known}
	listed, recorded := map[string]bool{}, map[string]bool{}
	for _, o := range owned {
		listed[o.Key()] = true
	}
	for _, r := range known.Resources {
		key := inventory.Resource{Type: string(r.Type), ID: string(r.ID)}.Key()
		recorded[key] = true
		// An entry that is marked for deletion is the engine's business.
		if isInCloud(r) && !r.Delete && !listed[key] {
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
