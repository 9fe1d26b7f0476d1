package cache_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const (
	volumeType    = "aws:ebs/volume:Volume"
	interfaceType = "aws:ec2/networkInterface:NetworkInterface"
	templateType  = "aws:ec2/launchTemplate:LaunchTemplate"
	groupType     = "aws:autoscaling/group:Group"
	userData      = "#!/bin/sh\nexec planted-user-data\n"
)

var zones = []string{"us-west-1a", "us-west-1b"}

func shard(number int) cache.Shard {
	zone := number % 2
	return cache.Shard{
		Number: number, Zone: zones[zone], UserData: userData,
		Address: netip.AddrFrom4([4]byte{10, 42, byte(224 + 2*zone), byte(128 + number)}),
		Volume:  cache.Volume{GiB: 2048, IOPS: 8000, MiBps: 1000}, MovedParameter: fmt.Sprintf("/beachhead/us-west-1/cache/moved/%02d", number),
	}
}

// args is a valid cache of two shards in two zones; tests edit it.
func args(edit func(*cache.Args)) *cache.Args {
	prefix := netip.MustParsePrefix
	a := &cache.Args{
		Stack: "us-west-1", Region: "us-west-1", Account: "210987654321", Domain: "cache.us-west-1.internal",
		InstanceTypes: []string{"m7g.4xlarge", "m6g.4xlarge"}, Image: "/aws/service/debian/release/12/latest/arm64",
		HashPort:    8686,
		RunnerCIDRs: []netip.Prefix{prefix("10.42.0.0/20"), prefix("10.42.128.0/20")},
		Subnets: []cache.Subnet{
			{Zone: zones[0], CIDR: prefix("10.42.224.0/23"), Fixed: prefix("10.42.224.128/25"), ID: pulumi.String("subnet-a")},
			{Zone: zones[1], CIDR: prefix("10.42.226.0/23"), Fixed: prefix("10.42.226.128/25"), ID: pulumi.String("subnet-b")},
		},
		Shards:    []cache.Shard{shard(0), shard(1)},
		Map:       cache.Map{Parameter: "/beachhead/us-west-1/cache/map", Document: `{"epoch":1,"slots":[0,1]}`},
		Snapshots: cache.Snapshots{At: "09:00", KeepDays: 7, CopyTo: []string{"us-east-2"}},
		Tags:      map[string]string{"beachhead:stack": "us-west-1", "cost-center": "ci"},
		VPC:       pulumi.String("vpc-1"), Bucket: pulumi.String("agents"),
	}
	if edit != nil {
		edit(a)
	}
	return a
}

func record(t *testing.T, edit func(*cache.Args)) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := cache.New(ctx, "cache", args(edit))
		return err
	})
}

func text(m resource.PropertyMap, key resource.PropertyKey) string {
	if v := m[key]; v.IsString() {
		return v.StringValue()
	}
	return fmt.Sprintf("no text: %v", m[key])
}

func TestOnlyVolumesAreKept(t *testing.T) {
	for _, r := range record(t, nil) {
		if volume := r.Type == volumeType; r.Protect != volume || r.Retain != volume {
			t.Errorf("%s %s: protect %t, retain %t", r.Type, r.Name, r.Protect, r.Retain)
		}
	}
	volumes := record(t, nil).OfType(volumeType)
	if len(volumes) != 2 {
		t.Fatalf("%d volumes, want 2", len(volumes))
	}
	for i, v := range volumes {
		in := v.Inputs
		if !in["encrypted"].IsBool() || !in["encrypted"].BoolValue() || text(in, "type") != "gp3" || text(in, "availabilityZone") != zones[i] {
			t.Errorf("%s: %v", v.Name, in)
		}
		if in["size"].NumberValue() != 2048 || in["iops"].NumberValue() != 8000 || in["throughput"].NumberValue() != 1000 {
			t.Errorf("%s: size %v, iops %v, throughput %v", v.Name, in["size"], in["iops"], in["throughput"])
		}
	}
}

// options records what the recorder does not: ids to import.
type options struct{ recorded chan string }

func (o options) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if a.TypeToken == volumeType || a.RegisterRPC.GetImportId() != "" {
		o.recorded <- fmt.Sprintf("%s snapshot=%v ignore=%v import=%s", a.Name, a.Inputs["snapshotId"].V,
			a.RegisterRPC.GetIgnoreChanges(), a.RegisterRPC.GetImportId())
	}
	out := a.Inputs.Copy()
	if !out.HasValue("name") {
		out["name"] = resource.NewStringProperty(a.Name)
	}
	return a.Name + "-id", out, nil
}

func (options) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestVolumesAreSeededOnceAndAdopted(t *testing.T) {
	o := options{recorded: make(chan string, 10)}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := cache.New(ctx, "cache", args(func(a *cache.Args) {
			a.Shards[0].Volume.Snapshot, a.Shards[1].Volume.Import = pulumi.String("snap-1"), "vol-kept"
		}))
		return err
	}, pulumi.WithMocks("beachhead", "test", o))
	if err != nil {
		t.Fatal(err)
	}
	close(o.recorded)
	var got []string
	for line := range o.recorded {
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"cache-shard-00 snapshot=snap-1 ignore=[snapshotId] import=", "cache-shard-01 snapshot=<nil> ignore=[snapshotId] import=vol-kept",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// open lists the ports and the other sides that rules of a type allow.
func open(recorded recorder.Recording, way string) []string {
	var all []string
	for _, rule := range recorded.OfType(fmt.Sprintf("aws:vpc/securityGroup%[1]sRule:SecurityGroup%[1]sRule", way)) {
		in := rule.Inputs
		peer := in["cidrIpv4"]
		if in.HasValue("referencedSecurityGroupId") {
			peer = in["referencedSecurityGroupId"]
		}
		all = append(all, fmt.Sprintf("%s %v-%v %s of %s", text(in, "ipProtocol"), in["fromPort"].V, in["toPort"].V, peer.StringValue(),
			text(in, "securityGroupId")))
	}
	slices.Sort(all)
	return all
}

// Runners reach NFS and the hash-equivalence server, and servers reach each other's NFS. No other traffic is allowed.
func TestOnlyRunnersAndServersReachServers(t *testing.T) {
	recorded := record(t, nil)
	in := []string{
		"tcp 2049-2049 10.42.0.0/20 of cache-access-id", "tcp 2049-2049 10.42.128.0/20 of cache-access-id",
		"tcp 2049-2049 cache-access-id of cache-access-id",
		"tcp 8686-8686 10.42.0.0/20 of cache-access-id", "tcp 8686-8686 10.42.128.0/20 of cache-access-id",
	}
	if got := open(recorded, "Ingress"); !slices.Equal(got, in) {
		t.Errorf("in: %q, want %q", got, in)
	}
	out := []string{"tcp 2049-2049 cache-access-id of cache-access-id", "tcp 443-443 0.0.0.0/0 of cache-access-id"}
	if got := open(recorded, "Egress"); !slices.Equal(got, out) {
		t.Errorf("out: %q, want %q", got, out)
	}
	group := recorded.Named(t, "aws:ec2/securityGroup:SecurityGroup", "cache-access")
	if group.Inputs.HasValue("ingress") || group.Inputs.HasValue("egress") {
		t.Errorf("the group has rules of its own: %v", group.Inputs)
	}
}

func TestServersAreSafe(t *testing.T) {
	for _, template := range record(t, nil).OfType(templateType) {
		in := template.Inputs
		metadata := in["metadataOptions"].ObjectValue()
		if text(metadata, "httpTokens") != "required" || metadata["httpPutResponseHopLimit"].NumberValue() != 1 {
			t.Errorf("%s: metadata %v, want version 2 only, one hop", template.Name, metadata)
		}
		disk := in["blockDeviceMappings"].ArrayValue()[0].ObjectValue()["ebs"].ObjectValue()
		if text(disk, "encrypted") != "true" || text(disk, "volumeType") != "gp3" {
			t.Errorf("%s: root disk %v", template.Name, disk)
		}
		if in.HasValue("keyName") || !in.HasValue("iamInstanceProfile") {
			t.Errorf("%s: want no SSH key and a profile: %v", template.Name, in)
		}
		if got, err := base64.StdEncoding.DecodeString(text(in, "userData")); err != nil || string(got) != userData {
			t.Errorf("%s: user data %q, %v", template.Name, got, err)
		}
		if got := text(in["networkInterfaces"].ArrayValue()[0].ObjectValue(), "associatePublicIpAddress"); got != "false" {
			t.Errorf("%s: public address %s", template.Name, got)
		}
	}
	public := record(t, func(a *cache.Args) { a.PublicAddresses = true }).Named(t, templateType, "cache-shard-00-server")
	if got := text(public.Inputs["networkInterfaces"].ArrayValue()[0].ObjectValue(), "associatePublicIpAddress"); got != "true" {
		t.Errorf("public address %s, want true", got)
	}
}

func TestGroupsOfOne(t *testing.T) {
	groups := record(t, nil).OfType(groupType)
	if len(groups) != 2 {
		t.Fatalf("%d groups, want 2", len(groups))
	}
	for _, g := range groups {
		for _, key := range []resource.PropertyKey{"minSize", "maxSize", "desiredCapacity"} {
			if g.Inputs[key].NumberValue() != 1 {
				t.Errorf("%s: %s is %v", g.Name, key, g.Inputs[key])
			}
		}
		if text(g.Inputs, "waitForCapacityTimeout") != "0" {
			t.Errorf("%s: the stack waits for the server", g.Name)
		}
		var types, hooks []string
		for _, o := range g.Inputs["mixedInstancesPolicy"].ObjectValue()["launchTemplate"].ObjectValue()["overrides"].ArrayValue() {
			types = append(types, text(o.ObjectValue(), "instanceType"))
		}
		for _, h := range g.Inputs["initialLifecycleHooks"].ArrayValue() {
			hooks = append(hooks, text(h.ObjectValue(), "lifecycleTransition")+" "+text(h.ObjectValue(), "defaultResult"))
		}
		if !slices.Equal(types, []string{"m7g.4xlarge", "m6g.4xlarge"}) {
			t.Errorf("%s: types %v, want them in the given order", g.Name, types)
		}
		want := []string{"autoscaling:EC2_INSTANCE_LAUNCHING ABANDON", "autoscaling:EC2_INSTANCE_TERMINATING CONTINUE"}
		if !slices.Equal(hooks, want) {
			t.Errorf("%s: hooks %v, want %v", g.Name, hooks, want)
		}
	}
}

func TestShardsAreInTheirZones(t *testing.T) {
	recorded := record(t, nil)
	for number, subnet := range []string{"subnet-a", "subnet-b"} {
		name := fmt.Sprintf("cache-shard-%02d", number)
		iface := recorded.Named(t, interfaceType, name).Inputs
		address := shard(number).Address.String()
		if got := iface["privateIps"].ArrayValue(); text(iface, "subnetId") != subnet || len(got) != 1 || got[0].StringValue() != address {
			t.Errorf("%s: interface %v, want %s in %s", name, iface, address, subnet)
		}
		group := recorded.Named(t, groupType, name+"-server").Inputs["vpcZoneIdentifiers"].ArrayValue()
		if len(group) != 1 || group[0].StringValue() != subnet {
			t.Errorf("%s: its server starts in %v, want %s", name, group, subnet)
		}
		dns := recorded.Named(t, "aws:route53/record:Record", name).Inputs
		if text(dns, "name") != fmt.Sprintf("shard-%02d.cache.us-west-1.internal", number) ||
			dns["records"].ArrayValue()[0].StringValue() != address {
			t.Errorf("%s: record %v", name, dns)
		}
		kept := recorded.Named(t, "aws:ec2/subnetCidrReservation:SubnetCidrReservation", "cache-fixed-"+zones[number]).Inputs
		if text(kept, "subnetId") != subnet || text(kept, "reservationType") != "explicit" {
			t.Errorf("%s: reservation %v", name, kept)
		}
	}
}

// A requirement that the cloud checks and that no property refers to must be an explicit edge. No shard waits for another or for
// another's subnet.
func TestEdges(t *testing.T) {
	recorded := recorder.Record(t, func(ctx *pulumi.Context) error {
		a := args(nil)
		for i := range a.Subnets {
			subnet, err := ec2.NewSubnet(ctx, "subnet-"+a.Subnets[i].Zone, &ec2.SubnetArgs{VpcId: a.VPC})
			if err != nil {
				return err
			}
			a.Subnets[i].ID = subnet.ID()
		}
		_, err := cache.New(ctx, "cache", a)
		return err
	})
	needs := func(r recorder.Registration) []string {
		var names []string
		for _, urn := range r.Dependencies {
			names = append(names, string(resource.URN(urn).Type().Name())+" "+resource.URN(urn).Name())
		}
		return names
	}
	group := needs(recorded.Named(t, groupType, "cache-shard-00-server"))
	for _, want := range []string{
		"RolePolicy cache-shard-00-server", "SecurityGroupEgressRule cache-https", "SubnetCidrReservation cache-fixed-us-west-1a",
		"Subnet subnet-us-west-1a",
	} {
		if !slices.Contains(group, want) {
			t.Errorf("the server does not wait for %s: %v", want, group)
		}
	}
	policy := needs(recorded.Named(t, "aws:iam/rolePolicy:RolePolicy", "cache-shard-00-server"))
	for _, want := range []string{"Volume cache-shard-00", "NetworkInterface cache-shard-00"} {
		if !slices.Contains(policy, want) {
			t.Errorf("the policy, and so the server, does not wait for %s: %v", want, policy)
		}
	}
	for _, r := range recorded {
		if !strings.HasPrefix(r.Name, "cache-shard-00") {
			continue
		}
		for _, need := range needs(r) {
			if strings.Contains(need, "shard-01") || strings.Contains(need, "us-west-1b") {
				t.Errorf("%s %s waits for %s", r.Type, r.Name, need)
			}
		}
	}
}

func TestGrowthTouchesNothing(t *testing.T) {
	before := record(t, nil)
	after := record(t, func(a *cache.Args) { a.Shards = append(a.Shards, shard(2)) })
	for _, r := range before {
		if now := after.Named(t, r.Type, r.Name); !now.Inputs.DeepEquals(r.Inputs) {
			t.Errorf("a third shard changes %s %s:\n%v\n%v", r.Type, r.Name, r.Inputs, now.Inputs)
		}
	}
	for _, r := range after {
		known := slices.ContainsFunc(before, func(b recorder.Registration) bool { return b.Type == r.Type && b.Name == r.Name })
		if !known && !strings.HasPrefix(r.Name, "cache-shard-02") {
			t.Errorf("a third shard makes %s %s", r.Type, r.Name)
		}
	}
	if len(after) == len(before) {
		t.Error("a third shard makes nothing")
	}
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := cache.New(ctx, "cache", args(nil))
		return err
	})
}
