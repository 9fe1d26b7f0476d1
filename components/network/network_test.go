package network_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// args is a valid network of two zones behind one NAT gateway each; tests edit it.
func args(edit func(*network.Args)) *network.Args {
	prefix := netip.MustParsePrefix
	a := &network.Args{
		CIDR: prefix("10.42.0.0/16"), Region: "us-west-1", Internet: true, FlowLogGroup: "/beachhead/test/flow-logs", FlowLogDays: 30,
		Tags: map[string]string{"beachhead:stack": "test"},
		Zones: []network.Zone{
			{
				Name: "us-west-1a", Private: prefix("10.42.0.0/20"), Public: prefix("10.42.128.0/20"),
				Cache: prefix("10.42.224.0/23"), Link: prefix("10.42.240.0/24"), NATAddresses: 1,
				RunnerWay: network.Way{Kind: network.ViaNATGateway, Zone: "us-west-1a"},
				CacheWay:  network.Way{Kind: network.ViaNATGateway, Zone: "us-west-1a"},
			},
			{
				Name: "us-west-1b", Private: prefix("10.42.16.0/20"), Public: prefix("10.42.144.0/20"),
				Cache: prefix("10.42.226.0/23"), Link: prefix("10.42.241.0/24"), NATAddresses: 1,
				RunnerWay: network.Way{Kind: network.ViaNATGateway, Zone: "us-west-1b"},
				CacheWay:  network.Way{Kind: network.ViaNATGateway, Zone: "us-west-1b"},
			},
		},
	}
	if edit != nil {
		edit(a)
	}
	return a
}

func record(t *testing.T, edit func(*network.Args)) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := network.New(ctx, "net", args(edit))
		return err
	})
}

func toInstances(a *network.Args) {
	for i := range a.Zones {
		z := &a.Zones[i]
		way := network.Way{Kind: network.ViaNATInstance, Zone: z.Name}
		z.NATAddresses, z.RunnerWay, z.CacheWay = 0, way, way
		z.NATInstance = &network.NATInstance{InstanceType: "t4g.medium", Address: z.Public.Addr().Next(), Image: "resolve:ssm:/image"}
	}
}

func toNone(a *network.Args) {
	a.Internet, a.InterfaceEndpoints = false, []string{"ssm", "ec2"}
	for i := range a.Zones {
		way := network.Way{Kind: network.NoWay}
		a.Zones[i].NATAddresses, a.Zones[i].RunnerWay, a.Zones[i].CacheWay = 0, way, way
	}
}

// With another address, the provider replaces a NAT gateway whose number of addresses is not ignored.
func TestAddressesReplaceNoGateway(t *testing.T) {
	for _, gateway := range record(t, nil).OfType("aws:ec2/natGateway:NatGateway") {
		if !slices.Contains(gateway.Ignored, "secondaryPrivateIpAddressCount") {
			t.Errorf("%s ignores %v", gateway.Name, gateway.Ignored)
		}
	}
}

// The gateway stays where nothing may lead to it: AWS does not let it go while a machine has a public address.
func TestGatewayWithoutARoute(t *testing.T) {
	recorded := record(t, toNone)
	recorded.Named(t, "aws:ec2/internetGateway:InternetGateway", "net-internet")
	for _, route := range recorded.OfType("aws:ec2/route:Route") {
		t.Errorf("there is a route %s: %v", route.Name, route.Inputs)
	}
}

func TestDefaultRoutesAreOneResourceInEveryMode(t *testing.T) {
	target := func(edit func(*network.Args), property string) {
		route := record(t, edit).Named(t, "aws:ec2/route:Route", "net-default-private-us-west-1b")
		targets := 0
		for key := range route.Inputs {
			if strings.HasSuffix(string(key), "GatewayId") || key == "gatewayId" || key == "networkInterfaceId" {
				targets++
			}
		}
		if !route.Inputs.HasValue(resource.PropertyKey(property)) || targets != 1 {
			t.Errorf("default route of us-west-1b has inputs %v, want %s and no other target", route.Inputs, property)
		}
	}
	target(nil, "natGatewayId")
	target(toInstances, "networkInterfaceId")
	target(func(a *network.Args) { a.Zones[1].RunnerWay = network.Way{Kind: network.ViaInternet} }, "gatewayId")
}

// What the cloud checks and no property says must be an explicit edge; see the comments beside each.
func TestHiddenEdges(t *testing.T) {
	after := func(r recorder.Registration, name string) bool {
		return slices.ContainsFunc(r.Dependencies, func(urn string) bool { return resource.URN(urn).Name() == name })
	}
	gateways := record(t, nil)
	if nat := gateways.Named(t, "aws:ec2/natGateway:NatGateway", "net-nat-us-west-1a"); !after(nat, "net-internet") {
		t.Errorf("the NAT gateway does not wait for the internet gateway: %v", nat.Dependencies)
	}
	if route := gateways.Named(t, "aws:ec2/route:Route", "net-default-private-us-west-1a"); !after(route, "net-default-public") {
		t.Errorf("the private route does not wait for the public one: %v", route.Dependencies)
	}
	route := record(t, toInstances).Named(t, "aws:ec2/route:Route", "net-default-private-us-west-1a")
	if !after(route, "net-nat-instance-us-west-1a") {
		t.Errorf("the route does not wait for the NAT instance's group: %v", route.Dependencies)
	}
}

// NAT gateways must not wait for what they do not need: they are on the longest path.
func TestNATGatewayWaitsForNothingElse(t *testing.T) {
	nat := record(t, nil).Named(t, "aws:ec2/natGateway:NatGateway", "net-nat-us-west-1a")
	for _, urn := range nat.Dependencies {
		switch name := resource.URN(urn).Name(); name {
		case "net-internet", "net-public-us-west-1a", "net-nat-us-west-1a-0":
		default:
			t.Errorf("the NAT gateway waits for %s", name)
		}
	}
}

func TestNothingIsOpenToTheInternet(t *testing.T) {
	for name, edit := range map[string]func(*network.Args){"gateways": nil, "instances": toInstances, "none": toNone} {
		for _, rule := range record(t, edit).OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
			if got := rule.Inputs["cidrIpv4"]; !got.IsString() || got.StringValue() != "10.42.0.0/16" {
				t.Errorf("%s: %s lets in %v, want the network only", name, rule.Name, got)
			}
		}
		locked := record(t, edit).Named(t, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "net-locked")
		if locked.Inputs.HasValue("ingress") || locked.Inputs.HasValue("egress") {
			t.Errorf("%s: the default security group has rules: %v", name, locked.Inputs)
		}
		for _, subnet := range record(t, edit).OfType("aws:ec2/subnet:Subnet") {
			if subnet.Inputs.HasValue("mapPublicIpOnLaunch") {
				t.Errorf("%s: %s gives public addresses to whatever starts in it", name, subnet.Name)
			}
		}
	}
}

func TestNATInstanceIsSafe(t *testing.T) {
	recorded := record(t, toInstances)
	template := recorded.Named(t, "aws:ec2/launchTemplate:LaunchTemplate", "net-nat-instance-us-west-1a")
	if got := template.Inputs["metadataOptions"].ObjectValue()["httpTokens"]; got.StringValue() != "required" {
		t.Errorf("metadata tokens are %v, want required", got)
	}
	disk := template.Inputs["blockDeviceMappings"].ArrayValue()[0].ObjectValue()["ebs"].ObjectValue()
	if disk["encrypted"].StringValue() != "true" {
		t.Errorf("the disk is not encrypted: %v", disk)
	}
	if template.Inputs.HasValue("keyName") {
		t.Error("the machine takes SSH keys")
	}
	iface := recorded.Named(t, "aws:ec2/networkInterface:NetworkInterface", "net-nat-instance-us-west-1a")
	if check := iface.Inputs["sourceDestCheck"]; !check.IsBool() || check.BoolValue() {
		t.Errorf("source/destination check is %v, want false", check)
	}
}

func TestPoliciesNameWhatTheyAllow(t *testing.T) {
	for _, policy := range record(t, nil).OfType("aws:iam/rolePolicy:RolePolicy") {
		var document struct {
			Statement []struct{ Action, Resource []string }
		}
		if err := json.Unmarshal([]byte(policy.Inputs["policy"].StringValue()), &document); err != nil {
			t.Fatalf("%s is no policy: %v", policy.Name, err)
		}
		for _, statement := range document.Statement {
			if strings.Contains(strings.Join(statement.Action, " "), "*") {
				t.Errorf("%s allows %v", policy.Name, statement.Action)
			}
			for _, on := range statement.Resource {
				if !strings.HasPrefix(on, "arn:aws:test:::net-flow-logs") {
					t.Errorf("%s allows it on %s", policy.Name, on)
				}
			}
		}
		if len(document.Statement) == 0 {
			t.Errorf("%s has no statement", policy.Name)
		}
	}
}

// Everything that takes tags has its Name tag equal to its name: that is how a killed run's resources are found again.
func TestNameTags(t *testing.T) {
	for _, edit := range []func(*network.Args){nil, toInstances, toNone} {
		for _, r := range record(t, edit) {
			tags, tagged := r.Inputs["tags"]
			if !r.Custom || !tagged || !tags.IsObject() {
				continue
			}
			if got := tags.ObjectValue()["Name"]; !got.IsString() || got.StringValue() != r.Name {
				t.Errorf("%s %s has the Name tag %v", r.Type, r.Name, got)
			}
		}
	}
}

func TestChildrenHaveTheComponentAsParent(t *testing.T) {
	for _, r := range record(t, toInstances) {
		if r.Custom && resource.URN(r.Parent).Name() != "net" {
			t.Errorf("%s %s has the parent %q", r.Type, r.Name, r.Parent)
		}
	}
}

func TestWaysThatLeadToNothingAreRefused(t *testing.T) {
	cases := map[string]func(*network.Args){
		"no gateway in that zone": func(a *network.Args) { a.Zones[0].NATAddresses = 0 },
		"no instance in that zone": func(a *network.Args) {
			a.Zones[0].RunnerWay = network.Way{Kind: network.ViaNATInstance, Zone: "us-west-1a"}
		},
		"no internet gateway":       func(a *network.Args) { a.Internet = false },
		"a way that does not exist": func(a *network.Args) { a.Zones[0].CacheWay = network.Way{Kind: "tunnel"} },
	}
	for name, edit := range cases {
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			_, err := network.New(ctx, "net", args(edit))
			return err
		}, pulumi.WithMocks("beachhead", "test", refuser{}))
		if err == nil || !strings.Contains(err.Error(), "leads to nothing") {
			t.Errorf("%s: %v, want a refusal before anything is registered", name, err)
		}
	}
}

// refuser fails the run at the first registration.
type refuser struct{}

func (refuser) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	panic("registered " + a.Name)
}

func (refuser) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }
