package inventory_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

func TestTagsDecideWhoOwnsAResource(t *testing.T) {
	for stack, want := range map[string]bool{"us-west-1": true, "us-west-10": false, "us": false, "": false} {
		r, owned := inventory.FromTags("us-west-1", restype.Role, "fleet", map[string]string{"beachhead:stack": stack, "Name": "fleet-a"})
		if owned != want {
			t.Errorf("a role of %q: owned %t, want %t", stack, owned, want)
		}
		wantLines(t, []inventory.Resource{r}, restype.Role+" fleet fleet fleet-a")
	}
	if _, owned := inventory.FromTags("us-west-1", restype.Role, "fleet", nil); owned {
		t.Error("a stack owns a role without tags")
	}
}

func TestResourcesWithoutTags(t *testing.T) {
	wantLines(t, []inventory.Resource{inventory.DashboardOf("us"), inventory.PolicyOf("fleet-a-1", "policy-1")},
		restype.Dashboard+" beachhead-us beachhead-us  dashboardName=beachhead-us",
		restype.ScalingPolicy+" policy-1 fleet-a-1/policy-1  autoscalingGroupName=fleet-a-1")
}

func TestRecordsOfAZone(t *testing.T) {
	for _, c := range []struct{ name, typ, want string }{
		{"shard-00.cache.internal.", "A", "Z1_shard-00.cache.internal_A " +
			"Z1_shard-00.cache.internal_A  name=shard-00.cache.internal type=A zoneId=Z1"},
		{`\052.cache.internal.`, "CNAME", "Z1_*.cache.internal_CNAME Z1_*.cache.internal_CNAME  name=*.cache.internal type=CNAME zoneId=Z1"},
		{"cache.internal.", "NS", ""},
		{"cache.internal.", "SOA", ""},
	} {
		r, owned := inventory.RecordOf("Z1", c.name, c.typ)
		if owned != (c.want != "") {
			t.Errorf("%s %s: owned %t", c.name, c.typ, owned)
		}
		if owned {
			wantLines(t, []inventory.Resource{r}, restype.DNSRecord+" "+c.want)
		}
	}
}

func TestNamesOfAStack(t *testing.T) {
	for got, want := range map[string]string{
		inventory.LogGroupPrefix("us"): "/beachhead/us/", inventory.BucketPrefix("us"): "beachhead-us-",
		inventory.LinkPrefix("us"):    "beachhead-us-",
		inventory.DashboardName("us"): "beachhead-us", inventory.RuleDescription("us"): "Beachhead: runners of us",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestKeysDifferByTypeAndID(t *testing.T) {
	one := inventory.Resource{Type: "a", ID: "bc"}
	for _, other := range []inventory.Resource{{Type: "ab", ID: "c"}, {Type: "a", ID: "b"}, {Type: "b", ID: "bc"}} {
		if one.Key() == other.Key() {
			t.Errorf("%+v and %+v have one key", one, other)
		}
	}
	if one.Key() != (inventory.Resource{Type: "a", ID: "bc", Name: "n", ImportID: "i"}).Key() {
		t.Error("a name or an import id makes another key")
	}
}
