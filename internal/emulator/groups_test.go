package emulator

import (
	"strings"
	"testing"
)

// fleet is a network with a launch template.
type fleet struct {
	*routed
	b        *Handle
	template *Handle
}

func newFleets(d *Driver) *fleet {
	d.T.Helper()
	f := &fleet{routed: newRouted(d)}
	f.b = d.Create(SubnetType, "b", Props{"vpcId": f.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	f.template = d.Create(LaunchTemplateType, "lt", Props{"imageId": DebianImage, "instanceType": "m7g.large"})
	return f
}

func (f *fleet) group(least, want, most int, more Props) Props {
	p := Props{"minSize": least, "maxSize": most, "desiredCapacity": want, "vpcZoneIdentifiers": []any{f.subnet.ID, f.b.ID},
		"launchTemplate": Props{"id": f.template.ID, "version": "$Latest"}}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func (d *Driver) Machines() []Resource {
	d.T.Helper()
	var list []Resource
	for _, r := range d.Resources() {
		if r.Type == InstanceType {
			list = append(list, r)
		}
	}
	return list
}

func TestGroupRefusals(t *testing.T) {
	f := newFleets(Start(t))
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(3, 3, 2, nil), "Max bound, 2, must be greater than or equal to min bound, 3")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(1, 5, 2, nil), "Desired capacity:5 must be between the specified min size:1 and max size:2")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"vpcZoneIdentifiers": nil}), "exactly one of vpcZoneIdentifiers, availabilityZones")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"availabilityZones": []any{"us-west-1a"}}), "exactly one of vpcZoneIdentifiers, availabilityZones")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"launchTemplate": nil}), "exactly one of launchTemplate")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"launchTemplate": Props{"id": "lt-none"}}), "InvalidLaunchTemplateId.NotFound", "lt-none")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"launchTemplate": Props{"name": "none"}}), "InvalidLaunchTemplateId.NotFound", "none")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"launchTemplate": Props{"id": f.template.ID, "version": "7"}}), "Version 7 of launch template")
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"vpcZoneIdentifiers": nil, "availabilityZones": []any{"us-west-1a"}}), "No default subnet")
	f.Create(AutoScalingGroupType, "one", f.group(0, 0, 2, Props{"name": "runners"}))
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 2, Props{"name": "runners"}), "AlreadyExists: AutoScalingGroup by this name already exists")
}

func TestGroupTypesMustBeOffered(t *testing.T) {
	f := newFleets(Start(t))
	odd := f.Create(LaunchTemplateType, "odd", Props{"imageId": DebianImage, "instanceType": "c6id.large"})
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 1, Props{"launchTemplate": Props{"id": odd.ID}}),
		"Your requested instance type (c6id.large) is not supported in your requested Availability Zone (us-west-1a)")
	bare := f.Create(LaunchTemplateType, "bare", Props{"imageId": DebianImage})
	f.RequireCreateRefusal(AutoScalingGroupType, f.group(0, 0, 1, Props{"launchTemplate": Props{"id": bare.ID}}), "Invalid instance type")
	mixed := func(types ...string) Props {
		var overrides []any
		for _, typ := range types {
			overrides = append(overrides, Props{"instanceType": typ})
		}
		return f.group(1, 1, 1, Props{"launchTemplate": nil, "mixedInstancesPolicy": Props{"launchTemplate": Props{
			"launchTemplateSpecification": Props{"launchTemplateId": bare.ID}, "overrides": overrides}}})
	}
	f.RequireCreateRefusal(AutoScalingGroupType, mixed("c6id.large"), "not supported")
	f.Create(AutoScalingGroupType, "mixed", mixed("c6id.large", "m6g.large"))
	if got := f.Machines()[0].Outputs["instanceType"]; got != "m6g.large" {
		t.Errorf("launched %v, want the one that is offered", got)
	}
}

// A group that turns from a template to a policy launches by the policy only.
func TestGroupChangesItsTemplate(t *testing.T) {
	f := newFleets(Start(t))
	g := f.Create(AutoScalingGroupType, "g", f.group(1, 1, 2, nil))
	other := f.Create(LaunchTemplateType, "other", Props{"imageId": DebianImage, "instanceType": "m6g.large"})
	g.Update(f.group(1, 2, 2, Props{"launchTemplate": nil, "mixedInstancesPolicy": Props{"launchTemplate": Props{
		"launchTemplateSpecification": Props{"launchTemplateId": other.ID}}}}))
	types := map[any]int{}
	for _, m := range f.Machines() {
		types[m.Outputs["instanceType"]]++
	}
	if types["m7g.large"] != 1 || types["m6g.large"] != 1 {
		t.Errorf("machines of %v, want the old one and a new one", types)
	}
}

func TestGroupScales(t *testing.T) {
	f := newFleets(Start(t))
	tags := []any{Props{"key": "Name", "value": "runner", "propagateAtLaunch": true}, Props{"key": "own", "value": "x", "propagateAtLaunch": false}}
	g := f.Create(AutoScalingGroupType, "g", f.group(1, 2, 4, Props{"tags": tags}))
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
	RequireRefusal(t, f.subnet.TryDelete(), "has dependencies", g.ID)
	g.Update(f.group(1, 4, 4, Props{"tags": tags}))
	if n := len(f.Machines()); n != 4 {
		t.Errorf("%d machines", n)
	}
	g.Update(f.group(0, 0, 0, Props{"tags": tags}))
	if n := len(f.Machines()); n != 0 {
		t.Errorf("%d machines", n)
	}
	f.subnet.Delete()
}

// Public addresses on launch: as the template says, or else the subnet.
func TestMachinesWithPublicAddresses(t *testing.T) {
	f := newFleets(Start(t))
	public := f.Create(SubnetType, "public", Props{"vpcId": f.vpc.ID, "cidrBlock": "10.42.5.0/24", "availabilityZone": "us-west-1a", "mapPublicIpOnLaunch": true})
	for _, c := range []struct {
		template string
		subnet   *Handle
		want     bool
	}{{"", public, true}, {"", f.b, false}, {"true", f.b, true}, {"false", public, false}} {
		p := Props{"imageId": DebianImage, "instanceType": "m7g.large"}
		if c.template != "" {
			p["networkInterfaces"] = []any{Props{"associatePublicIpAddress": c.template}}
		}
		lt := f.Create(LaunchTemplateType, "t", p)
		g := f.Create(AutoScalingGroupType, "g", f.group(1, 1, 1, Props{"launchTemplate": Props{"id": lt.ID}, "vpcZoneIdentifiers": []any{c.subnet.ID}}))
		if ip := f.Machines()[0].Outputs["publicIp"]; (ip != "") != c.want {
			t.Errorf("template says %q, subnet %s: address %q", c.template, c.subnet.Name, ip)
		}
		g.Delete()
	}
}

// Without a desired capacity the number is the policies' business, within the bounds.
func TestGroupWithoutDesiredCapacity(t *testing.T) {
	f := newFleets(Start(t))
	g := f.Create(AutoScalingGroupType, "g", f.group(2, 0, 4, Props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 2 {
		t.Errorf("%d machines, want the least", n)
	}
	g.Update(f.group(3, 0, 4, Props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 3 {
		t.Errorf("%d machines, want the new least", n)
	}
	g.Update(f.group(0, 0, 4, Props{"desiredCapacity": nil}))
	if n := len(f.Machines()); n != 3 {
		t.Errorf("%d machines, want those that there were", n)
	}
}

func TestGroupGoesWithItsMachines(t *testing.T) {
	f := newFleets(Start(t))
	g := f.Create(AutoScalingGroupType, "g", f.group(2, 2, 4, nil))
	f.template.Delete() // AWS lets it go
	g.Delete()
	for _, r := range f.Resources() {
		if r.Type == InstanceType || r.Type == NetworkInterfaceType {
			t.Errorf("%s is left", r.ID)
		}
	}
}

// pinned is a NAT instance: a group of one whose template brings a fixed interface.
func (f *fleet) pinned() (*Handle, *Handle, func(Props) Props) {
	f.T.Helper()
	eni := f.Create(NetworkInterfaceType, "fixed", Props{"subnetId": f.subnet.ID, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": false})
	lt := f.Create(LaunchTemplateType, "pinned", Props{"imageId": DebianImage, "instanceType": "t4g.nano",
		"networkInterfaces": []any{Props{"networkInterfaceId": eni.ID, "deviceIndex": 0}}})
	return eni, lt, func(more Props) Props {
		change := Props{"vpcZoneIdentifiers": nil, "availabilityZones": []any{"us-west-1a"}, "launchTemplate": Props{"id": lt.ID}}
		for name, v := range more {
			change[name] = v
		}
		return f.group(1, 1, 1, change)
	}
}

func TestGroupWithFixedInterface(t *testing.T) {
	f := newFleets(Start(t))
	eni, _, one := f.pinned()
	f.RequireCreateRefusal(AutoScalingGroupType, one(Props{"availabilityZones": nil, "vpcZoneIdentifiers": []any{f.subnet.ID}}), "needs availabilityZones and no vpcZoneIdentifiers")
	f.RequireCreateRefusal(AutoScalingGroupType, one(Props{"maxSize": 2}), "maxSize must not be over 1")
	f.RequireCreateRefusal(AutoScalingGroupType, one(Props{"availabilityZones": []any{"us-west-1b"}}), "availabilityZones must be us-west-1a only")
	g := f.Create(AutoScalingGroupType, "nat", one(nil))
	f.RequireCreateRefusal(AutoScalingGroupType, one(nil), "InvalidNetworkInterface.InUse: Interface: ["+eni.ID+"] in use", g.ID)
	RequireRefusal(t, eni.TryDelete(), "Network interface '"+eni.ID+"' is currently in use")
	if got := f.Machines()[0].Outputs["privateIp"]; got != "10.42.0.10" {
		t.Errorf("the machine is at %v", got)
	}
	again := f.Read(NetworkInterfaceType, "fixed", eni.ID, eni.Inputs)
	if list := again.Output("attachments").([]any); len(list) != 1 || list[0].(map[string]any)["instance"] != f.Machines()[0].ID {
		t.Errorf("attachments = %v", list)
	}
	g.Delete()
	eni.Delete()
}

func TestZoneWithoutCapacity(t *testing.T) {
	dir := t.TempDir()
	f := newFleets(StartAt(t, dir, "no-capacity=us-west-1a"))
	g := f.Create(AutoScalingGroupType, "spread", f.group(2, 2, 2, nil))
	for _, m := range f.Machines() {
		if m.Outputs["availabilityZone"] != "us-west-1b" {
			t.Errorf("a machine in %v", m.Outputs["availabilityZone"])
		}
	}
	g.Delete()
	p := f.group(1, 1, 1, Props{"vpcZoneIdentifiers": []any{f.subnet.ID}})
	_, err := f.TryCreate(AutoScalingGroupType, "stuck", p)
	RequireRefusal(t, err, "InsufficientInstanceCapacity", "us-west-1a")
	var stuck Resource
	for _, r := range f.Resources() {
		if r.Type == AutoScalingGroupType {
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
	later := StartAt(t, dir)
	again := later.Read(AutoScalingGroupType, "stuck", stuck.ID, nil)
	later.T = t
	if err := again.TryUpdate(p); err != nil {
		t.Fatal(err)
	}
	if n := len(later.Machines()); n != 1 {
		t.Errorf("%d machines", n)
	}
	f.Create(AutoScalingGroupType, "patient", f.group(1, 1, 1, Props{"vpcZoneIdentifiers": []any{f.subnet.ID}, "waitForCapacityTimeout": "0"}))
}
