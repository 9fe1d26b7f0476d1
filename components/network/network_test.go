package network_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const groupType = "aws:autoscaling/group:Group"

// args is a valid network of two zones behind one NAT gateway each; tests edit it.
func args(edit func(*network.Args)) *network.Args {
	prefix := netip.MustParsePrefix
	a := &network.Args{
		CIDR: prefix("10.42.0.0/16"), Region: "us-west-1", Account: "210987654321", Internet: true, FlowLogGroup: "/beachhead/test/flow-logs",
		FlowLogDays: 30,
		Tags:        map[string]string{"beachhead:stack": "test"}, Bucket: pulumi.String("agents"),
		Zones: []network.Zone{
			{
				Name: "us-west-1a", Private: prefix("10.42.0.0/20"), Public: prefix("10.42.128.0/20"),
				Cache: prefix("10.42.224.0/23"), Link: prefix("10.42.240.0/24"), NATAddresses: 1,
				RunnerRoute: network.Route{Kind: network.ViaNATGateway, Zone: "us-west-1a"},
				CacheRoute:  network.Route{Kind: network.ViaNATGateway, Zone: "us-west-1a"},
			},
			{
				Name: "us-west-1b", Private: prefix("10.42.16.0/20"), Public: prefix("10.42.144.0/20"),
				Cache: prefix("10.42.226.0/23"), Link: prefix("10.42.241.0/24"), NATAddresses: 1,
				RunnerRoute: network.Route{Kind: network.ViaNATGateway, Zone: "us-west-1b"},
				CacheRoute:  network.Route{Kind: network.ViaNATGateway, Zone: "us-west-1b"},
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
		egress := network.Route{Kind: network.ViaNATInstance, Zone: z.Name}
		z.NATAddresses, z.RunnerRoute, z.CacheRoute = 0, egress, egress
		z.NATInstance = &network.NATInstance{
			InstanceType: "t4g.medium", Address: z.Public.Addr().Next(), Image: "resolve:ssm:/image", UserData: "#!/bin/sh\nexec planted\n",
		}
	}
}

func toNone(a *network.Args) {
	a.Internet, a.InterfaceEndpoints = false, []string{"ssm", "ec2"}
	for i := range a.Zones {
		egress := network.Route{Kind: network.NoRoute}
		a.Zones[i].NATAddresses, a.Zones[i].RunnerRoute, a.Zones[i].CacheRoute = 0, egress, egress
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

// The internet gateway exists also without a route to it: AWS does not detach it while a machine has a public address.
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
	target(func(a *network.Args) { a.Zones[1].RunnerRoute = network.Route{Kind: network.ViaInternet} }, "gatewayId")
}

// A requirement that the cloud checks and that no property refers to must be an explicit edge; the comments name each reason.
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
	instances := record(t, toInstances)
	route := instances.Named(t, "aws:ec2/route:Route", "net-default-private-us-west-1a")
	if !slices.ContainsFunc(route.Dependencies, func(urn string) bool { return resource.URN(urn).Type() == groupType }) {
		t.Errorf("the route does not wait for the NAT instance's group: %v", route.Dependencies)
	}
	// When the group is deleted, its machine completes the terminate hook, for which it needs its rights and its egress route.
	group := instances.Named(t, groupType, "net-nat-instance-us-west-1a")
	for _, want := range []string{"RolePolicy", "EipAssociation", "Route", "RouteTableAssociation"} {
		if !slices.ContainsFunc(group.Dependencies, func(urn string) bool { return string(resource.URN(urn).Type().Name()) == want }) {
			t.Errorf("the NAT instance does not wait for its %s: %v", want, group.Dependencies)
		}
	}
}

// NAT gateways wait for no resource that they do not need: they are on the critical path.
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
	if got, err := base64.StdEncoding.DecodeString(template.Inputs["userData"].StringValue()); err != nil ||
		string(got) != "#!/bin/sh\nexec planted\n" {
		t.Errorf("user data %q, %v", got, err)
	}
	profile := template.Inputs["iamInstanceProfile"].ObjectValue()["arn"].StringValue()
	if !strings.HasSuffix(profile, "net-nat-instance-us-west-1a") {
		t.Errorf("the machine has the profile %s", profile)
	}
	iface := recorded.Named(t, "aws:ec2/networkInterface:NetworkInterface", "net-nat-instance-us-west-1a")
	if check := iface.Inputs["sourceDestCheck"]; !check.IsBool() || check.BoolValue() {
		t.Errorf("source/destination check is %v, want false", check)
	}
}

// A route may move to the machine once the group exists. So the provider waits for the machine, which reports when it forwards traffic.
// A silent machine is replaced within the ten minutes for which the provider waits.
func TestNATInstanceIsWaitedFor(t *testing.T) {
	group := record(t, toInstances).Named(t, groupType, "net-nat-instance-us-west-1a").Inputs
	if group.HasValue("waitForCapacityTimeout") {
		t.Errorf("the group waits for %v, want the provider's own time", group["waitForCapacityTimeout"])
	}
	hooks := map[string]float64{}
	for _, hook := range group["initialLifecycleHooks"].ArrayValue() {
		h := hook.ObjectValue()
		hooks[h["lifecycleTransition"].StringValue()+" "+h["defaultResult"].StringValue()] = h["heartbeatTimeout"].NumberValue()
	}
	want := map[string]float64{"autoscaling:EC2_INSTANCE_LAUNCHING ABANDON": 240, "autoscaling:EC2_INSTANCE_TERMINATING CONTINUE": 30}
	if !maps.Equal(hooks, want) {
		t.Errorf("hooks %v, want %v", hooks, want)
	}
}

type statement struct {
	Action, Resource []string
	Condition        map[string]map[string]string
}

func statements(t *testing.T, policy recorder.Registration) []statement {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(policy.Inputs["policy"].StringValue()), &document); err != nil || len(document.Statement) == 0 {
		t.Fatalf("%s is no policy: %v", policy.Name, err)
	}
	return document.Statement
}

func TestFlowLogPolicyNamesWhatItAllows(t *testing.T) {
	policies := record(t, nil).OfType("aws:iam/rolePolicy:RolePolicy")
	if len(policies) != 1 {
		t.Fatalf("%d policies, want that of flow logs", len(policies))
	}
	for _, s := range statements(t, policies[0]) {
		if strings.Contains(strings.Join(s.Action, " "), "*") {
			t.Errorf("it allows %v", s.Action)
		}
		for _, on := range s.Resource {
			if !strings.HasPrefix(on, "arn:aws:test:::net-flow-logs") {
				t.Errorf("it allows it on %s", on)
			}
		}
	}
}

// A NAT instance completes the hooks of its own group. It attaches no interface: the template names it.
func TestNATInstanceMayDoWhatItNeeds(t *testing.T) {
	recorded := record(t, toInstances)
	for _, zone := range []string{"us-west-1a", "us-west-1b"} {
		name := "net-nat-instance-" + zone
		may := map[string]statement{}
		for _, s := range statements(t, recorded.Named(t, "aws:iam/rolePolicy:RolePolicy", name)) {
			for _, action := range s.Action {
				may[action] = s
			}
		}
		if got := may["autoscaling:CompleteLifecycleAction"].Condition["StringEquals"]["autoscaling:ResourceTag/Name"]; got != name {
			t.Errorf("%s may complete the hooks of %q", name, got)
		}
		if got := may["s3:GetObject"].Resource; !slices.Equal(got, []string{"arn:aws:s3:::agents/agent/*"}) {
			t.Errorf("%s may fetch %v", name, got)
		}
		if _, can := may["autoscaling:DescribeAutoScalingInstances"]; !can {
			t.Errorf("%s may not ask for its own state", name)
		}
		for action := range may {
			if strings.HasPrefix(action, "ec2:") || strings.Contains(action, "*") || strings.HasSuffix(action, "Parameter") {
				t.Errorf("%s may do %s", name, action)
			}
		}
	}
}

// Every resource that accepts tags has its name as Name tag: Beachhead finds a killed run's resources by it.
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

func TestEgressRoutesWithoutTargetAreRefused(t *testing.T) {
	cases := map[string]func(*network.Args){
		"no gateway in that zone": func(a *network.Args) { a.Zones[0].NATAddresses = 0 },
		"no instance in that zone": func(a *network.Args) {
			a.Zones[0].RunnerRoute = network.Route{Kind: network.ViaNATInstance, Zone: "us-west-1a"}
		},
		"no internet gateway":       func(a *network.Args) { a.Internet = false },
		"a NAT instance without it": func(a *network.Args) { toInstances(a); a.Internet = false },
		"an unknown kind of route":  func(a *network.Args) { a.Zones[0].CacheRoute = network.Route{Kind: "tunnel"} },
	}
	for name, edit := range cases {
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			_, err := network.New(ctx, "net", args(edit))
			return err
		}, pulumi.WithMocks("beachhead", "test", refuser{}))
		if err == nil || !strings.Contains(err.Error(), "the network has no target for the ") {
			t.Errorf("%s: %v, want a refusal before anything is registered", name, err)
		}
	}
}

func TestNATInstancesWithoutTheirAgentAreRefused(t *testing.T) {
	cases := map[string]func(*network.Args){
		"needs an account and a bucket":             func(a *network.Args) { a.Bucket = nil },
		"user data of the NAT instance has 0 bytes": func(a *network.Args) { a.Zones[1].NATInstance.UserData = "" },
		"user data of the NAT instance has 16385 bytes": func(a *network.Args) {
			a.Zones[1].NATInstance.UserData = strings.Repeat("x",
				16<<10+1)
		},
	}
	for want, edit := range cases {
		_, err := network.New(nil, "net", args(func(a *network.Args) { toInstances(a); edit(a) }))
		if err == nil || !strings.Contains(err.Error(), "zone us-west-1b: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}

// refuser fails the run at the first registration.
type refuser struct{}

func (refuser) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	panic("registered " + a.Name)
}

func (refuser) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// By a NAT gateway, by a NAT instance, and with endpoints in place of internet access: together these modes create every resource.
func TestEveryRefusalReachesTheCaller(t *testing.T) {
	for _, edit := range []func(*network.Args){nil, toInstances, toNone} {
		recorder.FailEach(t, func(ctx *pulumi.Context) error {
			_, err := network.New(ctx, "net", args(edit))
			return err
		})
	}
}

func TestLimits(t *testing.T) {
	userData := func(bytes int) *network.Args {
		return args(func(a *network.Args) {
			toInstances(a)
			a.Zones[0].NATInstance.UserData = strings.Repeat("x", bytes)
		})
	}
	for _, bytes := range []int{1, 16384} {
		if err := userData(bytes).Validate(); err != nil {
			t.Errorf("user data of %d bytes: %v", bytes, err)
		}
	}
	noAccount := args(func(a *network.Args) { toInstances(a); a.Account = "" })
	if err := noAccount.Validate(); err == nil {
		t.Error("a NAT instance without an account is accepted")
	}
	direct := args(func(a *network.Args) { a.Zones[0].RunnerRoute = network.Route{Kind: network.ViaInternet} })
	if err := direct.Validate(); err != nil {
		t.Errorf("runners by the internet gateway: %v", err)
	}
	offline := args(func(a *network.Args) { toNone(a); a.Zones[0].RunnerRoute = network.Route{Kind: network.ViaInternet} })
	if err := offline.Validate(); err == nil || !strings.Contains(err.Error(), "zone us-west-1a: the network has no target for the runners'") {
		t.Errorf("runners by the internet gateway of a network without internet access: %v", err)
	}
	if err := args(toNone).Validate(); err != nil {
		t.Errorf("a network without internet access: %v", err)
	}
	if err := (*network.Args)(nil).Validate(); err == nil {
		t.Error("no arguments at all are accepted")
	}
}
