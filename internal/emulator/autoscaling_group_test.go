package emulator_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// fleet is a network with a launch template.
type fleet struct {
	*routed
	b        *handle
	template *handle
}

func newFleets(d *driver) *fleet {
	d.T.Helper()
	f := &fleet{routed: newRouted(d)}
	f.b = d.Create(aws.SubnetType, "b", props{"vpcId": f.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	f.template = d.Create(aws.LaunchTemplateType, "lt", props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.large"})
	return f
}

func (f *fleet) group(least, want, most int, more props) props {
	p := props{"minSize": least, "maxSize": most, "desiredCapacity": want, "vpcZoneIdentifiers": []any{f.subnet.ID, f.b.ID},
		"launchTemplate": props{"id": f.template.ID, "version": "$Latest"}}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func TestGroupRefusals(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(3, 3, 2, nil), "Max bound, 2, must be greater than or equal to min bound, 3")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(1, 5, 2, nil),
		"Desired capacity:5 must be between the specified min size:1 and max size:2")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"vpcZoneIdentifiers": nil}),
		"exactly one of vpcZoneIdentifiers, availabilityZones")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"availabilityZones": []any{"us-west-1a"}}),
		"exactly one of vpcZoneIdentifiers, availabilityZones")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": nil}), "exactly one of launchTemplate")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"id": "lt-none"}}),
		"InvalidLaunchTemplateId.NotFound", "lt-none")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"name": "none"}}),
		"InvalidLaunchTemplateId.NotFound", "none")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"id": f.template.ID, "version": "7"}}),
		"Version 7 of launch template")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"vpcZoneIdentifiers": nil,
		"availabilityZones": []any{"us-west-1a"}}), "No default subnet")
	f.Create(aws.AutoScalingGroupType, "one", f.group(0, 0, 2, props{"name": "runners"}))
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 2, props{"name": "runners"}),
		"AlreadyExists: AutoScalingGroup by this name already exists")
}

func TestGroupTypesMustBeOffered(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	odd := f.Create(aws.LaunchTemplateType, "odd", props{"imageId": emulatortest.DebianImage, "instanceType": "c6id.large"})
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 1, props{"launchTemplate": props{"id": odd.ID}}),
		"Your requested instance type (c6id.large) is not supported in your requested Availability Zone (us-west-1a)")
	bare := f.Create(aws.LaunchTemplateType, "bare", props{"imageId": emulatortest.DebianImage})
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 1, props{"launchTemplate": props{"id": bare.ID}}), "Invalid instance type")
	mixed := func(types ...string) props {
		var overrides []any
		for _, typ := range types {
			overrides = append(overrides, props{"instanceType": typ})
		}
		return f.group(1, 1, 1, props{"launchTemplate": nil, "mixedInstancesPolicy": props{"launchTemplate": props{
			"launchTemplateSpecification": props{"launchTemplateId": bare.ID}, "overrides": overrides}}})
	}
	f.RequireCreateRefusal(aws.AutoScalingGroupType, mixed("c6id.large"), "not supported")
	f.Create(aws.AutoScalingGroupType, "mixed", mixed("c6id.large", "m6g.large"))
	if got := f.Machines()[0].Outputs["instanceType"]; got != "m6g.large" {
		t.Errorf("launched %v, want the one that is offered", got)
	}
}

// A group that turns from a template to a policy launches by the policy only.
func TestGroupChangesItsTemplate(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(1, 1, 2, nil))
	other := f.Create(aws.LaunchTemplateType, "other", props{"imageId": emulatortest.DebianImage, "instanceType": "m6g.large"})
	g.Update(f.group(1, 2, 2, props{"launchTemplate": nil, "mixedInstancesPolicy": props{"launchTemplate": props{
		"launchTemplateSpecification": props{"launchTemplateId": other.ID}}}}))
	types := map[any]int{}
	for _, m := range f.Machines() {
		types[m.Outputs["instanceType"]]++
	}
	if types["m7g.large"] != 1 || types["m6g.large"] != 1 {
		t.Errorf("machines of %v, want the old one and a new one", types)
	}
}

func TestGroupScales(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	tags := []any{props{"key": "Name", "value": "runner", "propagateAtLaunch": true},
		props{"key": "own", "value": "x", "propagateAtLaunch": false}}
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(1, 2, 4, props{"tags": tags}))
	zones := map[any]int{}
	for _, m := range f.Machines() {
		zones[m.Outputs["availabilityZone"]]++
		if m.Managed || m.Name != "runner" || m.Tags["own"] != "" {
			t.Errorf("machine: managed %v, tags %v", m.Managed, m.Tags)
		}
	}
	if zones["us-west-1a"] != 1 || zones["us-west-1b"] != 1 {
		t.Errorf("spread over %v", zones)
	}
	if op := f.Operations(); op[len(op)-1].ModelSeconds != 20+26 {
		t.Errorf("took %v model seconds", op[len(op)-1].ModelSeconds)
	}
	emulatortest.RequireRefusal(t, f.subnet.TryDelete(), "has dependencies", g.ID)
	g.Update(f.group(1, 4, 4, props{"tags": tags}))
	if n := len(f.Machines()); n != 4 {
		t.Errorf("%d machines", n)
	}
	g.Update(f.group(0, 0, 0, props{"tags": tags}))
	if n := len(f.Machines()); n != 0 {
		t.Errorf("%d machines", n)
	}
	f.subnet.Delete()
}

// Public addresses on launch: as the template says, or else the subnet.
func TestMachinesWithPublicAddresses(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	public := f.Create(aws.SubnetType, "public", props{"vpcId": f.vpc.ID, "cidrBlock": "10.42.5.0/24", "availabilityZone": "us-west-1a",
		"mapPublicIpOnLaunch": true})
	for _, c := range []struct {
		template string
		subnet   *handle
		want     bool
	}{{"", public, true}, {"", f.b, false}, {"true", f.b, true}, {"false", public, false}} {
		p := props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.large"}
		if c.template != "" {
			p["networkInterfaces"] = []any{props{"associatePublicIpAddress": c.template}}
		}
		lt := f.Create(aws.LaunchTemplateType, "t", p)
		g := f.Create(aws.AutoScalingGroupType, "g", f.group(1, 1, 1, props{"launchTemplate": props{"id": lt.ID},
			"vpcZoneIdentifiers": []any{c.subnet.ID}}))
		if ip := f.Machines()[0].Outputs["publicIp"]; (ip != "") != c.want {
			t.Errorf("template says %q, subnet %s: address %q", c.template, c.subnet.Name, ip)
		}
		g.Delete()
	}
}

// Without a desired capacity the number is the policies' business, within the bounds.
func TestGroupWithoutDesiredCapacity(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(2, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 2 {
		t.Errorf("%d machines, want the least", n)
	}
	g.Update(f.group(3, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 3 {
		t.Errorf("%d machines, want the new least", n)
	}
	g.Update(f.group(0, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 3 {
		t.Errorf("%d machines, want those that there were", n)
	}
}

func TestGroupGoesWithItsMachines(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(2, 2, 4, nil))
	f.template.Delete() // AWS lets it go
	g.Delete()
	for _, r := range f.Resources() {
		if r.Type == aws.InstanceType || r.Type == aws.NetworkInterfaceType {
			t.Errorf("%s is left", r.ID)
		}
	}
}

// pinned is a NAT instance: a group of one whose template brings a fixed interface.
func (f *fleet) pinned() (*handle, *handle, func(props) props) {
	f.T.Helper()
	eni := f.Create(aws.NetworkInterfaceType, "fixed", props{"subnetId": f.subnet.ID, "privateIps": []any{"10.42.0.10"},
		"sourceDestCheck": false})
	lt := f.Create(aws.LaunchTemplateType, "pinned", props{"imageId": emulatortest.DebianImage, "instanceType": "t4g.nano",
		"networkInterfaces": []any{props{"networkInterfaceId": eni.ID, "deviceIndex": 0}}})
	return eni, lt, func(more props) props {
		change := props{"vpcZoneIdentifiers": nil, "availabilityZones": []any{"us-west-1a"}, "launchTemplate": props{"id": lt.ID}}
		for name, v := range more {
			change[name] = v
		}
		return f.group(1, 1, 1, change)
	}
}

func TestGroupWithFixedInterface(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	eni, _, one := f.pinned()
	f.RequireCreateRefusal(aws.AutoScalingGroupType, one(props{"availabilityZones": nil, "vpcZoneIdentifiers": []any{f.subnet.ID}}),
		"needs availabilityZones and no vpcZoneIdentifiers")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, one(props{"maxSize": 2}), "maxSize must not be over 1")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, one(props{"availabilityZones": []any{"us-west-1b"}}),
		"availabilityZones must be us-west-1a only")
	g := f.Create(aws.AutoScalingGroupType, "nat", one(nil))
	f.RequireCreateRefusal(aws.AutoScalingGroupType, one(nil), "InvalidNetworkInterface.InUse: Interface: ["+eni.ID+"] in use", g.ID)
	emulatortest.RequireRefusal(t, eni.TryDelete(), "Network interface '"+eni.ID+"' is currently in use")
	if got := f.Machines()[0].Outputs["privateIp"]; got != "10.42.0.10" {
		t.Errorf("the machine is at %v", got)
	}
	again := f.Read(aws.NetworkInterfaceType, "fixed", eni.ID, eni.Inputs)
	if list := again.Output("attachments").([]any); len(list) != 1 || list[0].(map[string]any)["instance"] != f.Machines()[0].ID {
		t.Errorf("attachments = %v", list)
	}
	g.Delete()
	eni.Delete()
}

func TestZoneWithoutCapacity(t *testing.T) {
	dir := t.TempDir()
	f := newFleets(emulatortest.StartAt(t, dir, "no-capacity=us-west-1a"))
	g := f.Create(aws.AutoScalingGroupType, "spread", f.group(2, 2, 2, nil))
	for _, m := range f.Machines() {
		if m.Outputs["availabilityZone"] != "us-west-1b" {
			t.Errorf("a machine in %v", m.Outputs["availabilityZone"])
		}
	}
	g.Delete()
	p := f.group(1, 1, 1, props{"vpcZoneIdentifiers": []any{f.subnet.ID}})
	_, err := f.TryCreate(aws.AutoScalingGroupType, "stuck", p)
	emulatortest.RequireRefusal(t, err, "InsufficientInstanceCapacity", "us-west-1a")
	var stuck cloud.Resource
	for _, r := range f.Resources() {
		if r.Type == aws.AutoScalingGroupType {
			stuck = r
		}
	}
	if !strings.HasPrefix(stuck.ID, "stuck-") {
		t.Fatal("the group that got no machines is not there")
	}
	ops := f.Operations()
	if got := ops[len(ops)-1].ModelSeconds; got != 20+600 {
		t.Errorf("waited %v model seconds, want the provider's 10 minutes", got)
	}
	// Capacity comes back: the next update launches what is missing.
	later := emulatortest.StartAt(t, dir)
	again := later.Read(aws.AutoScalingGroupType, "stuck", stuck.ID, nil)
	later.T = t
	if err := again.TryUpdate(p); err != nil {
		t.Fatal(err)
	}
	if n := len(later.Machines()); n != 1 {
		t.Errorf("%d machines", n)
	}
	f.Create(aws.AutoScalingGroupType, "patient", f.group(1, 1, 1, props{"vpcZoneIdentifiers": []any{f.subnet.ID},
		"waitForCapacityTimeout": "0"}))
}
