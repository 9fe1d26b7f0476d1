package agent

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Every role installs packages from the mirror in the description.
func TestRolesInstallFromTheMirror(t *testing.T) {
	const mirror = "https://deb.example.com"
	here := []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")}
	for _, d := range []spec.Description{
		{Role: spec.RunnerRole, Runner: &spec.Runner{}},
		{Role: spec.CacheRole, Cache: &spec.Cache{}},
		{Role: spec.NATRole, NAT: &spec.NAT{Sources: here}},
	} {
		d.Region, d.AptMirror = "us-west-1", mirror
		machine := reflect.ValueOf(newRole(d, aws.New(d.Region))).Elem().FieldByName("host")
		if got := machine.FieldByName("AptMirror").String(); got != mirror {
			t.Errorf("role %s installs from %q", d.Role, got)
		}
	}
}
