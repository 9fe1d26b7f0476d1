package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type object = map[string]any

// cloudResources returns the resources of a small region as clouds create them, after the test's edits by name. Outputs repeat the inputs.
func cloudResources(edit func(map[string]*Made)) []Made {
	all := []Made{
		{Type: "aws:ec2/vpc:Vpc", ID: "vpc-0a", Name: "vpc", Inputs: object{"cidrBlock": "10.42.0.0/16"}, Seconds: 15},
		{Type: types.InternetGateway, ID: "igw-0a", Name: "internet", Inputs: object{"vpcId": "vpc-0a"}, Seconds: 30},
		{Type: "aws:ec2/subnet:Subnet", ID: "subnet-0a", Name: "subnet", Inputs: object{"vpcId": "vpc-0a"}, Seconds: 2},
		{Type: "aws:ec2/eip:Eip", ID: "eipalloc-0a", Name: "address", Outputs: object{"publicIp": "192.0.2.7"}, Seconds: 1},
		{Type: types.NATGateway, ID: "nat-000a", Name: "nat", Inputs: object{"subnetId": "subnet-0a", "allocationId": "eipalloc-0a"},
			Outputs: object{"publicIp": "192.0.2.7"}, Seconds: 105},
		{Type: "aws:ebs/volume:Volume", ID: "vol-0a", Name: "volume", Outputs: object{"arn": "arn:aws:ec2:us-west-1:1:volume/vol-0a"},
			Seconds: 10},
		{Type: "aws:s3/bucketV2:BucketV2", ID: "agents", Name: "bucket", Inputs: object{"bucket": "agents"},
			Outputs: object{"arn": "arn:aws:s3:::agents"}, Seconds: 2},
		{Type: "aws:s3/bucketPolicy:BucketPolicy", ID: "agents", Name: "bucket-policy", Inputs: object{"bucket": "agents"}, Seconds: 2},
		{Type: "aws:iam/rolePolicy:RolePolicy", ID: "role:allow", Name: "policy", Seconds: 2},
	}
	byName := map[string]*Made{}
	for i := range all {
		if all[i].Inputs == nil {
			all[i].Inputs = object{}
		}
		byName[all[i].Name] = &all[i]
	}
	edit(byName)
	for i := range all {
		outputs := object{"id": all[i].ID, "ownerId": "210987654321", "state": "available"}
		for k, v := range all[i].Inputs {
			outputs[k] = v
		}
		for k, v := range all[i].Outputs {
			outputs[k] = v
		}
		all[i].Outputs = outputs
	}
	return all
}

// formatStart returns when a resource starts, and the id of the resource that it waits for.
func formatStart(spans []Span, name string) string {
	for _, s := range spans {
		if s.Name == name {
			_, id, _ := strings.Cut(s.WaitedFor, "::")
			return fmt.Sprint(s.Start, " ", id)
		}
	}
	return "never"
}

func TestForcedSpansByValues(t *testing.T) {
	policy := func(text string) func(map[string]*Made) {
		return func(m map[string]*Made) { m["policy"].Inputs["policy"] = text }
	}
	input := func(name string, v any) func(map[string]*Made) {
		return func(m map[string]*Made) { m["policy"].Inputs[name] = v }
	}
	for name, c := range map[string]struct {
		edit      func(map[string]*Made)
		who, want string
	}{
		"nothing to wait for":               {func(map[string]*Made) {}, "policy", "0 "},
		"an id":                             {func(map[string]*Made) {}, "subnet", "15 vpc-0a"},
		"an id deep in an object":           {input("rules", []any{object{"groups": []any{"vpc-0a"}}}), "policy", "15 vpc-0a"},
		"an id in a longer text":            {policy(`{"Resource":"arn:aws:ec2:us-west-1:1:natgateway/nat-000a"}`), "policy", "150 nat-000a"},
		"another id that begins as one":     {policy(`{"Resource":"arn:aws:ec2:us-west-1:1:natgateway/nat-000ab"}`), "policy", "0 "},
		"then the id itself":                {policy("natgateway/nat-000ab natgateway/nat-000a"), "policy", "150 nat-000a"},
		"an ARN in a policy":                {policy(`{"Resource":"arn:aws:ec2:us-west-1:1:volume/vol-0a"}`), "policy", "10 vol-0a"},
		"an ARN of a name that was chosen":  {policy(`{"Resource":"arn:aws:s3:::agents/*"}`), "policy", "0 "},
		"the same ARN by itself":            {policy("arn:aws:s3:::agents"), "policy", "2 agents"},
		"the id of a bucket and its policy": {func(map[string]*Made) {}, "bucket-policy", "2 agents"},
		"a bucket waits for nothing":        {func(map[string]*Made) {}, "bucket", "0 "},
		"an address, which a NAT repeats":   {input("sources", []any{"192.0.2.7"}), "policy", "1 eipalloc-0a"},
		"an account id":                     {policy(`arn:aws:iam::210987654321:root`), "policy", "0 "},
		"a state":                           {policy("available"), "policy", "0 "},
		"a tag":                             {input("tags", object{"of": "nat-000a"}), "policy", "0 "},
		"a tag of what is launched":         {input("tagSpecifications", []any{object{"tags": object{"of": "nat-000a"}}}), "policy", "0 "},
		"a description":                     {input("description", "for nat-000a"), "policy", "0 "},
		"its own name":                      {input("name", "agents"), "policy", "0 "},
		"what the program gave a network":   {input("cidr", "10.42.0.0/16"), "policy", "0 "},
		"a value that two hold":             {shareValue, "policy", "0 "},
		"a value that others hold in part":  {showRegion, "policy", "0 "},
		"a NAT gateway and the internet":    {func(map[string]*Made) {}, "nat", "45 igw-0a"},
		"a private one": {func(m map[string]*Made) { m["nat"].Inputs["connectivityType"] = "private" }, "nat",
			"17 subnet-0a"},
		"a NAT gateway of another VPC":        {func(m map[string]*Made) { m["subnet"].Inputs["vpcId"] = "vpc-0b" }, "nat", "2 subnet-0a"},
		"an id that is known and a long text": {policy(strings.Repeat("x", 1000) + " vol-0a"), "policy", "0 "},
	} {
		if got := formatStart(types.ForcedSpans(cloudResources(c.edit)), c.who); got != c.want {
			t.Errorf("%s: %s starts at %q, want %q", name, c.who, got, c.want)
		}
	}
}

func shareValue(m map[string]*Made) {
	m["vpc"].Outputs, m["address"].Outputs = object{"set": "dopt-12345"}, object{"set": "dopt-12345"}
	m["policy"].Inputs["policy"] = "dopt-12345"
}

// showRegion makes the VPC the only resource with its region as an output. The ARN of the volume contains the region too.
func showRegion(m map[string]*Made) {
	m["vpc"].Outputs = object{"serviceRegion": "us-west-1"}
	m["policy"].Inputs["policy"] = "arn:aws:logs:us-west-1:1:*"
}

// A link to GCP refers to resources by name, and follows rules that no value shows. BGP peers take turns.
func TestForcedSpansOfALink(t *testing.T) {
	spans := types.ForcedSpans([]Made{
		{Type: "gcp:compute/haVpnGateway:HaVpnGateway", ID: "projects/p/regions/r/vpnGateways/gw", Name: "gateway", Inputs: object{"name": "gw"},
			Outputs: object{"vpnInterfaces": []any{object{"id": 0.0, "ipAddress": "192.0.2.1"}, object{"id": 1.0, "ipAddress": "192.0.2.2"}}},
			Seconds: 12},
		{Type: types.Router, ID: "projects/p/regions/r/routers/rt", Name: "router", Inputs: object{"name": "rt"}, Seconds: 13},
		{Type: "aws:ec2/vpc:Vpc", ID: "vpc-0a", Name: "vpc", Seconds: 15},
		{Type: "aws:ec2/customerGateway:CustomerGateway", ID: "cgw-0a", Name: "customer", Inputs: object{"ipAddress": "192.0.2.2"}, Seconds: 15},
		{Type: "aws:ec2/vpnGateway:VpnGateway", ID: "vgw-0a", Name: "vgw", Outputs: object{"vpcId": "vpc-0a"}, Seconds: 40},
		{Type: types.VPNConnection, ID: "vpn-0a", Name: "connection", Inputs: object{"vpnGatewayId": "vgw-0a", "customerGatewayId": "cgw-0a"},
			Outputs: object{"tunnel1Address": "198.51.100.1", "tunnel1PresharedKey": "abcdefgh"}, Seconds: 235},
		{Type: types.VPNGatewayAttachment, ID: "vpn-attachment-1", Name: "attachment",
			Inputs: object{"vpcId": "vpc-0a", "vpnGatewayId": "vgw-0a"}, Seconds: 40},
		{Type: types.VPNRoutePropagation, ID: "vgw-0a_rtb-0a", Name: "routes", Inputs: object{"routeTableId": "rtb-0a", "vpnGatewayId": "vgw-0a"},
			Seconds: 2},
		{Type: types.VPNTunnel, ID: "projects/p/regions/r/vpnTunnels/t", Name: "tunnel", Seconds: 15,
			Inputs:  object{"name": "t", "router": "projects/p/regions/r/routers/rt", "sharedSecret": "abcdefgh"},
			Outputs: object{"peerIp": "203.0.113.1"}},
		{Type: types.RouterInterface, ID: "r/rt/if", Name: "interface", Inputs: object{"name": "if", "router": "rt", "vpnTunnel": "t"},
			Seconds: 20},
		{Type: types.RouterPeer, ID: "projects/p/regions/r/routers/rt/a", Name: "peer-a",
			Inputs: object{"name": "a", "router": "rt", "interface": "if"}, Seconds: 32},
		{Type: types.RouterPeer, ID: "projects/p/regions/r/routers/rt/b", Name: "peer-b",
			Inputs: object{"name": "b", "router": "rt", "interface": "if"}, Seconds: 32},
	})
	for name, want := range map[string]string{
		"gateway": "0 ", "router": "0 ", "vpc": "0 ", "vgw": "0 ", "customer": "12 projects/p/regions/r/vpnGateways/gw",
		"connection": "40 vgw-0a",
		"attachment": "275 vpn-0a", "routes": "315 vpn-attachment-1", "tunnel": "275 vpn-0a",
		"interface": "290 projects/p/regions/r/vpnTunnels/t",
		"peer-a":    "310 r/rt/if", "peer-b": "342 projects/p/regions/r/routers/rt/a",
	} {
		if got := formatStart(spans, name); got != want {
			t.Errorf("%s starts at %q, want %q", name, got, want)
		}
	}
}

// A program that declares at least the edges that values show takes at least as long as the clouds force. The overhead is the difference.
func TestForcedIsALowerBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, true)
		made := make([]Made, len(nodes))
		for i, n := range nodes {
			inputs := object{}
			for j, before := range n.After {
				inputs[fmt.Sprint("input", j)] = "id-of-" + before // the edges that are forced
			}
			made[i] = Made{Type: "aws:some/thing:Thing", ID: "id-of-" + n.URN, Name: n.URN, Inputs: inputs, Seconds: n.Seconds}
			if n.Turn != "" {
				made[i].Type = types.RouterPeer
				inputs["router"] = n.Turn
			}
		}
		exact := Timeline(nodes)
		forced := types.ForcedSpans(made)
		if over := Overhead(exact, forced); math.Abs(over) > 1e-9 {
			t.Fatalf("with exactly the forced edges, overhead %g:\n%v\n%v", over, exact, forced)
		}
		for i := range nodes { // and some that are not, on what was drawn before, so that there are no rings, and has no turn
			for range rapid.IntRange(0, 2).Draw(t, "more") {
				before := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "before")]
				if drawPosition(before) < drawPosition(nodes[i]) && before.Turn == "" {
					nodes[i].After = append(nodes[i].After, before.URN)
				}
			}
		}
		if over := Overhead(Timeline(nodes), forced); over < -1e-9 {
			t.Fatalf("with more edges, overhead %g", over)
		}
	})
}

// drawPosition returns the position at which a node was drawn.
func drawPosition(n Node) int {
	place, _ := strconv.Atoi(n.URN)
	return place
}

func TestOverhead(t *testing.T) {
	ends := func(end float64) []Span { return []Span{{URN: "a", End: 1}, {URN: "b", End: end}} }
	for _, c := range []struct {
		run, forced []Span
		want        float64
	}{{ends(110), ends(100), 0.1}, {ends(100), ends(100), 0}, {ends(100), nil, 0}, {nil, nil, 0}} {
		if got := Overhead(c.run, c.forced); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v over %v: %g, want %g", c.run, c.forced, got, c.want)
		}
	}
}
