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

// FindOwned returns the resources with the stack's tag and, of those that take no tags, the ones that have the stack's name or refer to a
// resource that the stack owns.
func (i Inventory) FindOwned(_ context.Context, stack string) ([]inventory.Resource, error) {
	all, err := i.Cloud.Resources()
	if err != nil {
		return nil, err
	}
	return selectOwned(all, stack), nil
}

// selectOwned returns the resources that a stack owns. A resource that no program created is not the stack's although it has the tag:
// machines, their disks and interfaces, and snapshots inherit it. A volume that a down kept on purpose still is the stack's.
func selectOwned(all []emulator.Resource, stack string) []inventory.Resource {
	// Handles are ids and ARNs. The Name tag is not one: the resources of two stacks have the same names.
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
		if r.Managed && (r.Tags[plan.StackTag] == stack || hasStackName(r, stack) || refersTo(r, handles)) {
			owned = append(owned, inventory.Resource{Type: r.Type, Name: r.Name, ID: r.ID, ImportID: r.ImportID, Inputs: r.Inputs})
		}
	}
	return owned
}

// hasStackName reports whether a resource that takes no tags has the stack's name.
func hasStackName(r emulator.Resource, stack string) bool {
	switch r.Type {
	case restype.Dashboard:
		return r.Inputs["dashboardName"] == inventory.DashboardName(stack)
	case restype.GCPSecurityPolicyRule:
		return r.Inputs["description"] == inventory.RuleDescription(stack)
	}
	return inventory.IsLinkName(r.Type, stack, r.Name)
}

// refersTo reports whether a resource without tags has one of the handles anywhere in its inputs. On GCP only names count: a resource that
// refers to one of ours, such as a peer at a router, may be another stack's.
func refersTo(r emulator.Resource, handles map[string]bool) bool {
	return strings.HasPrefix(r.Type, "aws:") && len(r.Tags) == 0 && containsAny(r.Inputs, handles)
}

// containsAny reports whether a JSON value contains a handle.
func containsAny(value any, handles map[string]bool) bool {
	switch v := value.(type) {
	case string:
		return handles[v]
	case []any:
		for _, one := range v {
			if containsAny(one, handles) {
				return true
			}
		}
	case map[string]any:
		for _, one := range v {
			if containsAny(one, handles) {
				return true
			}
		}
	}
	return false
}
