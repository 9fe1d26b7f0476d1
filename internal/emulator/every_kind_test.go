package emulator_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// TestEveryKind makes one of each, and checks it against the property table and against itself.
func TestEveryKind(t *testing.T) {
	d := emulatortest.Start(t)
	w := emulatortest.Everything(d)
	for _, k := range emulator.Rules().Kinds() {
		typ := k.Type
		if k.Hidden {
			continue
		}
		r, ok := w.Handles[typ]
		if !ok {
			t.Errorf("%s has rules and is made by no test", typ)
			continue
		}
		t.Run(typ, func(t *testing.T) {
			state := d.Unpack(r.State)
			for _, name := range k.Properties().AlwaysSet {
				if v, ok := state[name]; !ok || v == nil {
					t.Errorf("output %s is never absent and is not set", name)
				}
			}
			if d := r.Diff(w.Asked[typ]); len(d.GetDetailedDiff()) > 0 {
				t.Errorf("a second run would change %v", d.GetDetailedDiff())
			}
		})
	}
}

// TestEveryKindReadsBack refreshes and imports one of each: neither may show a difference, save for what no cloud tells.
func TestEveryKindReadsBack(t *testing.T) {
	d := emulatortest.Start(t)
	w := emulatortest.Everything(d)
	importIDs := map[string]string{}
	for _, r := range d.Resources() {
		importIDs[r.Type+r.ID] = r.ImportID
	}
	before := d.Journal()
	for typ, r := range w.Handles {
		t.Run(typ, func(t *testing.T) {
			refreshed := r.Driver.Read(typ, "one", r.ID, r.Inputs)
			if diff := refreshed.Diff(w.Asked[typ]); len(diff.GetDetailedDiff()) > 0 {
				t.Errorf("after a refresh: %v", diff.GetDetailedDiff())
			}
			imported := r.Driver.Read(typ, "one", importIDs[typ+r.ID], nil)
			if imported.ID != r.ID {
				t.Fatalf("import of %q found %q, want %q", importIDs[typ+r.ID], imported.ID, r.ID)
			}
			for _, name := range emulator.Rules().KindOf(typ).WriteOnly {
				if v, ok := imported.Driver.Unpack(imported.State)[name]; ok {
					t.Errorf("after an import: %s is %v, which no cloud tells", name, v)
				}
			}
			for path := range imported.Diff(w.Asked[typ]).GetDetailedDiff() {
				if !slices.Contains(emulator.Rules().KindOf(typ).WriteOnly, path) {
					t.Errorf("after an import: %s differs", path)
				}
			}
		})
	}
	if d.Journal() != before {
		t.Error("reading wrote to the journal")
	}
}

// TestEveryKindGoes deletes all in the reverse order: nothing is left, and a second delete of anything succeeds.
func TestEveryKindGoes(t *testing.T) {
	d := emulatortest.Start(t)
	w := emulatortest.Everything(d)
	order := slices.Clone(w.Order)
	slices.Reverse(order)
	for _, typ := range order {
		w.Handles[typ].Delete()
	}
	w.Address.Delete()
	for _, r := range d.Resources() {
		t.Errorf("%s %s is left", r.Type, r.ID)
	}
	n := len(d.Operations())
	for _, typ := range order {
		w.Handles[typ].Delete()
		if r := w.Handles[typ].Driver.Read(typ, "one", w.Handles[typ].ID, w.Handles[typ].Inputs); r.ID != "" {
			t.Errorf("%s is gone and was read as %q", typ, r.ID)
		}
	}
	if got := len(d.Operations()); got != n {
		t.Errorf("deleting what is gone made %d operations", got-n)
	}
}

// TestEveryReference breaks each reference of each kind in turn.
func TestEveryReference(t *testing.T) {
	d := emulatortest.Start(t, "quota=L-0263D0A3:50", "quota=L-F678F1CE:50", "quota=L-A4707A72:50", "quota=L-FE5A380F:50")
	w := emulatortest.Everything(d)
	for _, typ := range w.Order {
		for _, rule := range emulator.Rules().KindOf(typ).References {
			if strings.Contains(rule.Path, ".") || cloud.ValuesAt(emulatortest.PlainProps(w.Asked[typ]), rule.Path) == nil {
				continue
			}
			t.Run(typ+"."+rule.Path, func(t *testing.T) {
				on := w.Handles[typ].Driver
				on.T = t
				p := maps.Clone(w.Asked[typ])
				name, list := strings.CutSuffix(rule.Path, "[]")
				p[name] = "arn:aws:none:us-west-1:123456789012:log-group:none-1"
				if list {
					p[name] = []any{"none-1"}
				}
				on.RequireCreateRefusal(typ, p, "none-1")
			})
		}
	}
}

func TestReferenceIntoAnotherRegion(t *testing.T) {
	d := emulatortest.Start(t)
	other := d.Elsewhere(props{"region": "us-east-2"})
	vpc := other.VPC("10.1.0.0/16")
	d.RequireCreateRefusal(aws.SubnetType, props{"vpcId": vpc.ID, "cidrBlock": "10.1.0.0/24"},
		"InvalidVpcID.NotFound: The vpc ID '"+vpc.ID+"' does not exist", "it is in us-east-2")
}

func TestReferenceIntoAnotherVPC(t *testing.T) {
	d := emulatortest.Start(t)
	one, two := d.VPC("10.1.0.0/16"), d.VPC("10.2.0.0/16")
	subnet := d.Subnet(two, "us-west-1a", "10.2.0.0/24")
	table := d.Create(aws.RouteTableType, "table", props{"vpcId": one.ID})
	d.RequireCreateRefusal(aws.RouteTableAssociationType, props{"routeTableId": table.ID, "subnetId": subnet.ID},
		"belong to different networks")
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": one.ID})
	d.RequireCreateRefusal(aws.NetworkInterfaceType, props{"subnetId": subnet.ID, "securityGroups": []any{group.ID}},
		"belong to different networks")
	igw := d.InternetGateway(two)
	d.RequireCreateRefusal(aws.RouteType, props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.ID},
		"belong to different networks")
	d.RequireCreateRefusal(aws.IngressRuleType, props{"securityGroupId": d.Create(aws.SecurityGroupType, "other", props{"vpcId": two.ID}).ID,
		"ipProtocol": "-1", "referencedSecurityGroupId": group.ID}, "belong to different networks")
}
