package emulator

import (
	"strings"
	"testing"
)

// fleet is a network with a launch template.
type fleet struct {
	*routed
	b        *thing
	template *thing
}

func fleets(d *driver) *fleet {
	d.t.Helper()
	f := &fleet{routed: routes(d)}
	f.b = d.make(SubnetType, "b", props{"vpcId": f.vpc.id, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	f.template = d.make(LaunchTemplateType, "lt", props{"imageId": debian, "instanceType": "m7g.large"})
	return f
}

func (f *fleet) group(least, want, most int, more props) props {
	p := props{"minSize": least, "maxSize": most, "desiredCapacity": want, "vpcZoneIdentifiers": []any{f.subnet.id, f.b.id},
		"launchTemplate": props{"id": f.template.id, "version": "$Latest"}}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func (d *driver) machines() []Resource {
	d.t.Helper()
	var list []Resource
	for _, r := range d.resources() {
		if r.Type == InstanceType {
			list = append(list, r)
		}
	}
	return list
}

func TestGroupRefusals(t *testing.T) {
	f := fleets(open(t))
	f.refusesToMake(AutoScalingGroupType, f.group(3, 3, 2, nil), "Max bound, 2, must be greater than or equal to min bound, 3")
	f.refusesToMake(AutoScalingGroupType, f.group(1, 5, 2, nil), "Desired capacity:5 must be between the specified min size:1 and max size:2")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"vpcZoneIdentifiers": nil}), "exactly one of vpcZoneIdentifiers, availabilityZones")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"availabilityZones": []any{"us-west-1a"}}), "exactly one of vpcZoneIdentifiers, availabilityZones")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": nil}), "exactly one of launchTemplate")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"id": "lt-none"}}), "InvalidLaunchTemplateId.NotFound", "lt-none")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"name": "none"}}), "InvalidLaunchTemplateId.NotFound", "none")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"launchTemplate": props{"id": f.template.id, "version": "7"}}), "Version 7 of launch template")
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"vpcZoneIdentifiers": nil, "availabilityZones": []any{"us-west-1a"}}), "No default subnet")
	f.make(AutoScalingGroupType, "one", f.group(0, 0, 2, props{"name": "runners"}))
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 2, props{"name": "runners"}), "AlreadyExists: AutoScalingGroup by this name already exists")
}

func TestGroupTypesMustBeOffered(t *testing.T) {
	f := fleets(open(t))
	odd := f.make(LaunchTemplateType, "odd", props{"imageId": debian, "instanceType": "c6id.large"})
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 1, props{"launchTemplate": props{"id": odd.id}}),
		"Your requested instance type (c6id.large) is not supported in your requested Availability Zone (us-west-1a)")
	bare := f.make(LaunchTemplateType, "bare", props{"imageId": debian})
	f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 1, props{"launchTemplate": props{"id": bare.id}}), "Invalid instance type")
	mixed := func(types ...string) props {
		var overrides []any
		for _, typ := range types {
			overrides = append(overrides, props{"instanceType": typ})
		}
		return f.group(1, 1, 1, props{"launchTemplate": nil, "mixedInstancesPolicy": props{"launchTemplate": props{
			"launchTemplateSpecification": props{"launchTemplateId": bare.id}, "overrides": overrides}}})
	}
	f.refusesToMake(AutoScalingGroupType, mixed("c6id.large"), "not supported")
	f.make(AutoScalingGroupType, "mixed", mixed("c6id.large", "m6g.large"))
	if got := f.machines()[0].Outputs["instanceType"]; got != "m6g.large" {
		t.Errorf("launched %v, want the one that is offered", got)
	}
}

// A group that turns from a template to a policy launches by the policy only.
func TestGroupChangesItsTemplate(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.group(1, 1, 2, nil))
	other := f.make(LaunchTemplateType, "other", props{"imageId": debian, "instanceType": "m6g.large"})
	g.update(f.group(1, 2, 2, props{"launchTemplate": nil, "mixedInstancesPolicy": props{"launchTemplate": props{
		"launchTemplateSpecification": props{"launchTemplateId": other.id}}}}))
	types := map[any]int{}
	for _, m := range f.machines() {
		types[m.Outputs["instanceType"]]++
	}
	if types["m7g.large"] != 1 || types["m6g.large"] != 1 {
		t.Errorf("machines of %v, want the old one and a new one", types)
	}
}

func TestGroupScales(t *testing.T) {
	f := fleets(open(t))
	tags := []any{props{"key": "Name", "value": "runner", "propagateAtLaunch": true}, props{"key": "own", "value": "x", "propagateAtLaunch": false}}
	g := f.make(AutoScalingGroupType, "g", f.group(1, 2, 4, props{"tags": tags}))
	zones := map[any]int{}
	for _, m := range f.machines() {
		zones[m.Outputs["availabilityZone"]]++
		if m.Managed || m.Name != "runner" || m.Tags["own"] != "" {
			t.Errorf("machine: managed %v, tags %v", m.Managed, m.Tags)
		}
	}
	if zones["us-west-1a"] != 1 || zones["us-west-1b"] != 1 {
		t.Errorf("spread over %v", zones)
	}
	if op := f.operations(); op[len(op)-1].ModelSeconds != 20+26 {
		t.Errorf("took %v model seconds", op[len(op)-1].ModelSeconds)
	}
	refuses(t, f.subnet.tryDelete(), "has dependencies", g.id)
	g.update(f.group(1, 4, 4, props{"tags": tags}))
	if n := len(f.machines()); n != 4 {
		t.Errorf("%d machines", n)
	}
	g.update(f.group(0, 0, 0, props{"tags": tags}))
	if n := len(f.machines()); n != 0 {
		t.Errorf("%d machines", n)
	}
	f.subnet.delete()
}

// Public addresses on launch: as the template says, or else the subnet.
func TestMachinesWithPublicAddresses(t *testing.T) {
	f := fleets(open(t))
	public := f.make(SubnetType, "public", props{"vpcId": f.vpc.id, "cidrBlock": "10.42.5.0/24", "availabilityZone": "us-west-1a", "mapPublicIpOnLaunch": true})
	for _, c := range []struct {
		template string
		subnet   *thing
		want     bool
	}{{"", public, true}, {"", f.b, false}, {"true", f.b, true}, {"false", public, false}} {
		p := props{"imageId": debian, "instanceType": "m7g.large"}
		if c.template != "" {
			p["networkInterfaces"] = []any{props{"associatePublicIpAddress": c.template}}
		}
		lt := f.make(LaunchTemplateType, "t", p)
		g := f.make(AutoScalingGroupType, "g", f.group(1, 1, 1, props{"launchTemplate": props{"id": lt.id}, "vpcZoneIdentifiers": []any{c.subnet.id}}))
		if ip := f.machines()[0].Outputs["publicIp"]; (ip != "") != c.want {
			t.Errorf("template says %q, subnet %s: address %q", c.template, c.subnet.name, ip)
		}
		g.delete()
	}
}

// Without a desired capacity the number is the policies' business, within the bounds.
func TestGroupWithoutDesiredCapacity(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.group(2, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.machines()); n != 2 {
		t.Errorf("%d machines, want the least", n)
	}
	g.update(f.group(3, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.machines()); n != 3 {
		t.Errorf("%d machines, want the new least", n)
	}
	g.update(f.group(0, 0, 4, props{"desiredCapacity": nil}))
	if n := len(f.machines()); n != 3 {
		t.Errorf("%d machines, want those that there were", n)
	}
}

func TestGroupGoesWithItsMachines(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.group(2, 2, 4, nil))
	f.template.delete() // AWS lets it go
	g.delete()
	for _, r := range f.resources() {
		if r.Type == InstanceType || r.Type == NetworkInterfaceType {
			t.Errorf("%s is left", r.ID)
		}
	}
}

// pinned is a NAT instance: a group of one whose template brings a fixed interface.
func (f *fleet) pinned() (*thing, *thing, func(props) props) {
	f.t.Helper()
	eni := f.make(NetworkInterfaceType, "fixed", props{"subnetId": f.subnet.id, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": false})
	lt := f.make(LaunchTemplateType, "pinned", props{"imageId": debian, "instanceType": "t4g.nano",
		"networkInterfaces": []any{props{"networkInterfaceId": eni.id, "deviceIndex": 0}}})
	return eni, lt, func(more props) props {
		change := props{"vpcZoneIdentifiers": nil, "availabilityZones": []any{"us-west-1a"}, "launchTemplate": props{"id": lt.id}}
		for name, v := range more {
			change[name] = v
		}
		return f.group(1, 1, 1, change)
	}
}

func TestGroupWithFixedInterface(t *testing.T) {
	f := fleets(open(t))
	eni, _, one := f.pinned()
	f.refusesToMake(AutoScalingGroupType, one(props{"availabilityZones": nil, "vpcZoneIdentifiers": []any{f.subnet.id}}), "needs availabilityZones and no vpcZoneIdentifiers")
	f.refusesToMake(AutoScalingGroupType, one(props{"maxSize": 2}), "maxSize must not be over 1")
	f.refusesToMake(AutoScalingGroupType, one(props{"availabilityZones": []any{"us-west-1b"}}), "availabilityZones must be us-west-1a only")
	g := f.make(AutoScalingGroupType, "nat", one(nil))
	f.refusesToMake(AutoScalingGroupType, one(nil), "InvalidNetworkInterface.InUse: Interface: ["+eni.id+"] in use", g.id)
	refuses(t, eni.tryDelete(), "Network interface '"+eni.id+"' is currently in use")
	if got := f.machines()[0].Outputs["privateIp"]; got != "10.42.0.10" {
		t.Errorf("the machine is at %v", got)
	}
	again := f.read(NetworkInterfaceType, "fixed", eni.id, eni.inputs)
	if list := again.out("attachments").([]any); len(list) != 1 || list[0].(map[string]any)["instance"] != f.machines()[0].ID {
		t.Errorf("attachments = %v", list)
	}
	g.delete()
	eni.delete()
}

func TestZoneWithoutCapacity(t *testing.T) {
	dir := t.TempDir()
	f := fleets(openAt(t, dir, "no-capacity=us-west-1a"))
	g := f.make(AutoScalingGroupType, "spread", f.group(2, 2, 2, nil))
	for _, m := range f.machines() {
		if m.Outputs["availabilityZone"] != "us-west-1b" {
			t.Errorf("a machine in %v", m.Outputs["availabilityZone"])
		}
	}
	g.delete()
	p := f.group(1, 1, 1, props{"vpcZoneIdentifiers": []any{f.subnet.id}})
	_, err := f.try(AutoScalingGroupType, "stuck", p)
	refuses(t, err, "InsufficientInstanceCapacity", "us-west-1a")
	var stuck Resource
	for _, r := range f.resources() {
		if r.Type == AutoScalingGroupType {
			stuck = r
		}
	}
	if !strings.HasPrefix(stuck.ID, "stuck-") {
		t.Fatal("the group that got no machines is not there")
	}
	ops := f.operations()
	if got := ops[len(ops)-1].ModelSeconds; got != 20+600 {
		t.Errorf("waited %v model seconds, want the provider's 10 minutes", got)
	}
	// Capacity comes back: the next update launches what is missing.
	later := openAt(t, dir)
	again := later.read(AutoScalingGroupType, "stuck", stuck.ID, nil)
	later.t = t
	if err := again.tryUpdate(p); err != nil {
		t.Fatal(err)
	}
	if n := len(later.machines()); n != 1 {
		t.Errorf("%d machines", n)
	}
	f.make(AutoScalingGroupType, "patient", f.group(1, 1, 1, props{"vpcZoneIdentifiers": []any{f.subnet.id}, "waitForCapacityTimeout": "0"}))
}
