package inventory

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// LinkPlace is where the link of a stack is on GCP.
type LinkPlace struct{ Project, Region string }

// LinkResource is a resource of Compute Engine that may belong to a stack's link. Interfaces and Peers are the names of those in a router.
type LinkResource struct {
	Name, Status      string
	Interfaces, Peers []string
}

// OwnedIn returns what a stack owns of a collection such as "global/firewalls" that holds resources of one type, and of the interfaces
// and peers in its routers.
func (p LinkPlace) OwnedIn(collection, typ, stack string, resources []LinkResource) []Resource {
	var owned []Resource
	for _, r := range resources {
		if !IsLinkName(typ, stack, r.Name) || r.Status == "DEPROVISIONING" {
			continue
		}
		id := "projects/" + p.Project + "/" + collection + "/" + r.Name
		owned = append(owned, Resource{Type: typ, Name: r.Name, ID: id, ImportID: id, Inputs: map[string]any{"name": r.Name}})
		owned = append(owned, p.ownedInRouter(r, id, stack)...)
	}
	return owned
}

// ownedInRouter returns the interfaces and the BGP sessions of a router that a stack owns. The provider has ids of two kinds for them.
func (p LinkPlace) ownedInRouter(router LinkResource, routerID, stack string) []Resource {
	var owned []Resource
	add := func(typ, name, id, importID string) {
		if IsLinkName(typ, stack, name) {
			owned = append(owned, Resource{
				Type: typ, Name: name, ID: id, ImportID: importID, Inputs: map[string]any{"router": router.Name, "name": name},
			})
		}
	}
	for _, name := range router.Interfaces {
		short := p.Region + "/" + router.Name + "/" + name
		add(restype.GCPRouterInterface, name, short, p.Project+"/"+short)
	}
	for _, name := range router.Peers {
		add(restype.GCPRouterPeer, name, routerID+"/"+name, routerID+"/"+name)
	}
	return owned
}

// PolicyRule is a rule of a Cloud Armor policy.
type PolicyRule struct {
	Description string
	Priority    int
}

// OwnedRules returns the rules of a policy that a stack owns.
func OwnedRules(project, policy, stack string, rules []PolicyRule) []Resource {
	var owned []Resource
	for _, r := range rules {
		if r.Description == RuleDescription(stack) {
			id := fmt.Sprintf("projects/%s/global/securityPolicies/%s/priority/%d", project, policy, r.Priority)
			owned = append(owned, Resource{
				Type: restype.GCPSecurityPolicyRule, ID: id, ImportID: id,
				Inputs: map[string]any{"securityPolicy": policy, "priority": r.Priority},
			})
		}
	}
	return owned
}
