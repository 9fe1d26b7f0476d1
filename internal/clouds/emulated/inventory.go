package emulated

import (
	"context"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// Inventory lists what a stack owns in the emulated cloud.
type Inventory struct{ Cloud *emulator.Cloud }

// FindOwned returns what carries the stack's tag, and of what takes no tags that which has its name or names something that it owns.
func (i Inventory) FindOwned(_ context.Context, stack string) ([]inventory.Resource, error) {
	all, err := i.Cloud.Resources()
	if err != nil {
		return nil, err
	}
	return ownedOf(all, stack), nil
}

// ownedOf decides which of a cloud's things are a stack's. Not all that carry its tag are: machines, their disks and interfaces, and
// snapshots inherit it, and the cloud made them. A volume that a stack left behind on purpose is, as before.
func ownedOf(all []emulator.Resource, stack string) []inventory.Resource {
	// The Name tag is not among the handles: two stacks have the same names in them.
	handles := map[string]bool{}
	for _, r := range all {
		if r.Managed && r.Tags[plan.StackTag] == stack {
			handles[r.ID] = true
			if arn, ok := r.Outputs["arn"].(string); ok {
				handles[arn] = true
			}
		}
	}
	var owned []inventory.Resource
	for _, r := range all {
		if r.Managed && (r.Tags[plan.StackTag] == stack || isNamed(r, stack) || hangsOn(r, handles)) {
			owned = append(owned, inventory.Resource{Type: r.Type, Name: r.Name, ID: r.ID, ImportID: r.ImportID, Inputs: r.Inputs})
		}
	}
	return owned
}

// isNamed says that the name of a thing that takes no tags is the stack's.
func isNamed(r emulator.Resource, stack string) bool {
	switch r.Type {
	case restype.Dashboard:
		return r.Inputs["dashboardName"] == inventory.DashboardName(stack)
	case restype.GCPSecurityPolicyRule:
		return r.Inputs["description"] == inventory.RuleDescription(stack)
	}
	return inventory.IsLinkName(r.Type, stack, r.Name)
}

// hangsOn says that a thing without tags names one of the given handles anywhere in its inputs. In GCP it is names alone that tell: what
// hangs on a thing of ours there may be somebody else's, such as a peer at a router.
func hangsOn(r emulator.Resource, handles map[string]bool) bool {
	return strings.HasPrefix(r.Type, "aws:") && len(r.Tags) == 0 && namesOne(r.Inputs, handles)
}

// namesOne looks for a handle in plain JSON.
func namesOne(value any, handles map[string]bool) bool {
	switch v := value.(type) {
	case string:
		return handles[v]
	case []any:
		for _, one := range v {
			if namesOne(one, handles) {
				return true
			}
		}
	case map[string]any:
		for _, one := range v {
			if namesOne(one, handles) {
				return true
			}
		}
	}
	return false
}
