package verify

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/regions"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// fake is a cloud with subnets and default routes; what is not in it is not there.
type fake struct {
	subnets map[string][2]string
	ways    map[string]Way
	err     error
}

func (f *fake) DefaultRoute(_ context.Context, id string) (Way, error) { return f.ways[id], f.err }

func (f *fake) Subnet(_ context.Context, id string) (cidr, zone string, ok bool, err error) {
	s, ok := f.subnets[id]
	return s[0], s[1], ok, f.err
}

// world is a region of one zone that is as its plan says; tests edit it.
func world(t *testing.T) (*plan.Plan, Outputs, *fake) {
	t.Helper()
	c := &regions.Config{
		Name:    "us-west-2",
		AWS:     regions.AWS{Account: "210987654321", Region: "us-west-2", Zones: []string{"us-west-2a"}},
		Network: regions.Network{CIDR: netip.MustParsePrefix("10.42.0.0/16"), Egress: regions.NATGateway},
	}
	c.Default()
	p, err := plan.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{subnets: map[string][2]string{}, ways: map[string]Way{
		"private": {Kind: "nat-gateway", Live: true}, "cache": {Kind: "nat-gateway", Live: true}, "public": {Kind: "internet-gateway", Live: true},
	}}
	outputs := Outputs{"addresses": map[string]any{"net-nat-us-west-2a-0": "203.0.113.1"}}
	for tier, block := range p.Network.Zones[0].Subnets {
		outputs[outputOf[tier]] = map[string]any{"us-west-2a": string(tier)}
		f.subnets[string(tier)] = [2]string{block.String(), "us-west-2a"}
	}
	return p, outputs, f
}

func TestRun(t *testing.T) {
	cases := []struct {
		name    string
		edit    func(Outputs, *fake)
		failed  int
		outcome Outcome
		says    string
	}{
		{"as planned", func(Outputs, *fake) {}, 0, Pass, ""},
		{"a route to something else", func(_ Outputs, f *fake) { f.ways["private"] = Way{Kind: "internet-gateway", Live: true} }, 1, Fail, "internet-gateway"},
		{"a route that leads nowhere", func(_ Outputs, f *fake) { f.ways["cache"] = Way{Kind: "nat-gateway", Why: "deleted"} }, 1, Fail, "leads nowhere"},
		{"no route", func(_ Outputs, f *fake) { delete(f.ways, "public") }, 1, Fail, "none"},
		{"a way out that is not planned", func(_ Outputs, f *fake) { f.ways["link"] = Way{Kind: "internet-gateway", Live: true} }, 1, Fail, "link subnet"},
		{"a subnet of another range", func(_ Outputs, f *fake) { f.subnets["link"] = [2]string{"10.9.0.0/24", "us-west-2a"} }, 1, Fail, "10.9.0.0/24"},
		{"a subnet in another zone", func(_ Outputs, f *fake) { f.subnets["cache"] = [2]string{f.subnets["cache"][0], "us-west-2b"} }, 1, Fail, "us-west-2b"},
		{"a subnet that is gone", func(_ Outputs, f *fake) { delete(f.subnets, "private") }, 1, Fail, "no subnet"},
		{"no address published", func(o Outputs, _ *fake) { delete(o, "addresses") }, 1, Fail, "0"},
		{"a cloud that lets nobody look", func(_ Outputs, f *fake) { f.err = errors.New("AccessDenied") }, 8, NotChecked, "AccessDenied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, outputs, f := world(t)
			c.edit(outputs, f)
			results := Run(t.Context(), p, outputs, f)
			failed := Failed(results)
			if len(failed) != c.failed {
				t.Fatalf("%d of %d probes did not pass, want %d: %+v", len(failed), len(results), c.failed, failed)
			}
			for _, r := range failed {
				if text := strings.Join([]string{r.Probe, r.Target, r.Got, r.Why}, " "); r.Outcome != c.outcome || !strings.Contains(text, c.says) {
					t.Errorf("%s: %+v, want %q", r.Outcome, r, c.says)
				}
			}
		})
	}
}

func TestZeroOutcomeIsNoSuccess(t *testing.T) {
	if text, err := (Result{}).Outcome.MarshalText(); err != nil || string(text) != "not checked" {
		t.Errorf("the zero outcome is %q, %v", text, err)
	}
}
