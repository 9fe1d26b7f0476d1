package agent

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/beachhead-build/beachhead/node"
	"github.com/beachhead-build/beachhead/node/cloud"
)

// Every role installs from the mirror that the description names.
func TestRolesInstallFromTheMirror(t *testing.T) {
	const mirror = "https://deb.example.com"
	here := []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")}
	for _, d := range []node.Description{
		{Role: node.RunnerRole, Runner: &node.Runner{}},
		{Role: node.CacheRole, Cache: &node.Cache{}},
		{Role: node.NATRole, NAT: &node.NAT{Sources: here}},
	} {
		d.Region, d.AptMirror = "us-west-1", mirror
		machine := reflect.ValueOf(roleOf(d, cloud.New(d.Region))).Elem().FieldByName("host")
		if got := machine.FieldByName("AptMirror").String(); got != mirror {
			t.Errorf("role %s installs from %q", d.Role, got)
		}
	}
}
