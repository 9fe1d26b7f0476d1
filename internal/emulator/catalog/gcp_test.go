package catalog

import (
	"slices"
	"strings"
	"testing"
)

// Google's table is whole too: every type that a property names is there, and so is what it says of secrets.
func TestGoogleTable(t *testing.T) {
	table, err := Load("gcp")
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Resources) != 46 || table.Version != "7.38.0" {
		t.Errorf("%d resources of version %s", len(table.Resources), table.Version)
	}
	see := func(where string, properties map[string]Property) {
		for name, p := range properties {
			if typ := strings.Trim(p.Type, "[]{}"); strings.HasPrefix(typ, "@") && table.Types[typ[1:]] == nil {
				t.Errorf("%s.%s: no type %s", where, name, typ)
			}
		}
	}
	for name, r := range table.Resources {
		see(name, r.Inputs)
	}
	for name, o := range table.Types {
		see(name, o.Properties)
	}
	tunnel := table.Resources["gcp:compute/vPNTunnel:VPNTunnel"]
	if !tunnel.Inputs["sharedSecret"].Secret || !slices.Contains(tunnel.SecretOutputs, "sharedSecret") {
		t.Error("the shared secret of a tunnel is none")
	}
}
