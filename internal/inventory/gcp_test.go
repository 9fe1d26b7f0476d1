package inventory_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

func TestLinkOnGCP(t *testing.T) {
	place := inventory.LinkPlace{Project: "acme", Region: "us-west2"}
	owned := place.OwnedIn("regions/us-west2/routers", restype.GCPRouter, "us", []inventory.LinkResource{
		{Name: "beachhead-us-router-default", Interfaces: []string{"beachhead-us-interface-0", "theirs"},
			Peers: []string{"beachhead-us-peer-0", "theirs"}},
		{Name: "beachhead-us-west-1-router-default", Interfaces: []string{"beachhead-us-west-1-interface-0"}},
		{Name: "beachhead-us-router-old", Status: "DEPROVISIONING", Interfaces: []string{"beachhead-us-interface-1"}},
		{Name: "beachhead-us-tunnel-0"}, {Name: "beachhead-us-routers"}, {Name: "router"},
	})
	const router = "projects/acme/regions/us-west2/routers/beachhead-us-router-default"
	wantLines(t, owned,
		restype.GCPRouter+" "+router+" "+router+" beachhead-us-router-default name=beachhead-us-router-default",
		restype.GCPRouterInterface+" us-west2/beachhead-us-router-default/beachhead-us-interface-0 "+
			"acme/us-west2/beachhead-us-router-default/beachhead-us-interface-0 beachhead-us-interface-0 "+
			"name=beachhead-us-interface-0 router=beachhead-us-router-default",
		restype.GCPRouterPeer+" "+router+"/beachhead-us-peer-0 "+router+"/beachhead-us-peer-0 beachhead-us-peer-0 "+
			"name=beachhead-us-peer-0 router=beachhead-us-router-default")
}

func TestNoLinkNameOfOtherTypes(t *testing.T) {
	for _, typ := range []string{restype.VPC, restype.GCPSecurityPolicyRule, ""} {
		for _, name := range []string{"beachhead-us-", "beachhead-us--x", "beachhead-us-aws"} {
			if inventory.IsLinkName(typ, "us", name) {
				t.Errorf("%s of type %q belongs to a link", name, typ)
			}
		}
	}
}

func TestRulesOfACloudArmorPolicy(t *testing.T) {
	owned := inventory.OwnedRules("acme", "edge", "us", []inventory.PolicyRule{
		{Description: "default rule", Priority: 2147483647}, {Description: "Beachhead: runners of us", Priority: 100},
		{Description: "Beachhead: runners of us-west-1", Priority: 101},
	})
	const rule = "projects/acme/global/securityPolicies/edge/priority/100"
	wantLines(t, owned, restype.GCPSecurityPolicyRule+" "+rule+" "+rule+"  priority=100 securityPolicy=edge")
}
