package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

// scale launches or terminates machines until there is as much capacity as desired, and waits for those it launched, as the real
// provider does unless told otherwise.
func (c *call) scale() error {
	c.set(c.rec) // machines refer to it
	want := c.rec.num("desiredCapacity")
	c.shrink(want)
	o, places, err := c.order()
	if err != nil {
		return err
	}
	ready, stuck := c.st.maturity(c.rec)
	if stuck == nil && len(places) == 0 {
		stuck = c.starved()
	}
	o.inService = duration(c.kind, c.op(), c.rec) + ready
	machines := c.st.owned(c.rec.key)
	total, hourly := capacityOf(machines)
	for n := len(machines); total < want; n++ {
		if stuck == nil {
			o.place(places[n%len(places)], total, hourly)
			stuck = c.overVCPUs(&o)
		}
		if stuck != nil {
			c.giveUp(want, total, stuck)
			return nil
		}
		if err := c.launch(o); err != nil {
			return err
		}
		if total += o.weight; !o.spot {
			hourly += o.weight
		}
		if c.waits() {
			c.extra = ready
		}
	}
	return nil
}

// waits says whether the provider waits for a group's machines.
func (c *call) waits() bool {
	timeout := c.rec.str("waitForCapacityTimeout")
	return timeout != "0" && timeout != "0s"
}

// giveUp is what comes of waiting in vain. The group stands, and the next update tries again.
func (c *call) giveUp(want, have int, why error) {
	if !c.waits() {
		return
	}
	c.extra += parseSeconds(c.rec.str("waitForCapacityTimeout"), 600)
	c.failed = fmt.Errorf("waiting for Auto Scaling Group (%s) capacity satisfied: want at least %d healthy instance(s) in Auto Scaling Group, have %d: %w",
		c.rec.ID, want, have, why)
}

// op is how the journal will call what the call does.
func (c *call) op() string {
	if c.old == nil {
		return "create"
	}
	return "update"
}

// shrink terminates the youngest machines that are too many. None goes with which the group would have too little, and none that
// is protected; an interface that was there before stays.
func (c *call) shrink(want int) {
	machines := c.st.owned(c.rec.key)
	total, _ := capacityOf(machines)
	for _, m := range slices.Backward(machines) {
		if weight := weightOf(m); total-weight >= want && !flag(m.Extra["protected"]) {
			c.removeAll(m)
			total -= weight
		}
	}
}

// capacityOf counts what machines weigh, all of them and those that are paid by the hour.
func capacityOf(machines []*record) (total, hourly int) {
	for _, m := range machines {
		total += weightOf(m)
		if m.str("instanceLifecycle") != "spot" {
			hourly += weightOf(m)
		}
	}
	return total, hourly
}

// weightOf is how much a machine counts against its group's desired capacity.
func weightOf(machine *record) int { return max(1, num(machine.Extra["weight"])) }

// starved is what the API says when there is no capacity anywhere.
func (c *call) starved() error {
	return fmt.Errorf("InsufficientInstanceCapacity: We currently do not have sufficient capacity in the Availability Zone you requested (%s)",
		strings.Join(strs(c.st.outputs(c.rec)["availabilityZones"]), ", "))
}

// place settles where the next machine of an order starts, as what, and how it is paid.
func (o *order) place(p place, total, hourly int) {
	o.typ, o.zone, o.subnet = p.typ, p.zone, p.subnet
	o.weight = 1
	if w, ok := o.weights[p.typ]; ok {
		o.weight = w
	}
	o.spot = str(obj(o.data["instanceMarketOptions"])["marketType"]) == "spot"
	if _, mixed := o.group.Inputs["mixedInstancesPolicy"]; mixed {
		o.spot = !onDemand(o.group, total, hourly)
	}
}

// place is where a machine may start, and which type of machine it is to be there.
type place struct {
	typ, zone string
	subnet    *record
}

// order works out what a group launches and where. Zones without capacity are left out; a zone that offers none of the group's types
// is refused.
func (c *call) order() (order, []place, error) {
	o := order{group: c.rec, tags: map[string]string{groupTag: c.rec.ID}, weights: c.weights()}
	// Who launches machines protected has an agent let them go when they are idle, and here they always are.
	o.protected = c.rec.flag("protectFromScaleIn") && len(c.st.launchHooks(c.rec)) == 0
	for _, t := range objs(c.rec.get("tags")) {
		if flag(t["propagateAtLaunch"]) {
			o.tags[str(t["key"])] = str(t["value"])
		}
	}
	data, err := c.launchData()
	if err != nil {
		return o, nil, err
	}
	o.data = data
	types, err := c.typesOf(data)
	if err != nil {
		return o, nil, err
	}
	places, err := c.placesFor(types, firstNIC(data))
	return o, places, err
}

// launchData is what the group's version of its launch template says.
func (c *call) launchData() (map[string]any, error) {
	template := c.st.templateOf(c.rec)
	if template == nil {
		return nil, refused("ValidationError: You must use a valid fully-formed launch template.")
	}
	data, _, err := templateVersion(template, c.versionWanted())
	if err != nil {
		return nil, err
	}
	if _, mixed := c.rec.Inputs["mixedInstancesPolicy"]; mixed && data["instanceMarketOptions"] != nil {
		return nil, refused("ValidationError: Incompatible launch template: You cannot use a launch template that is set to request " +
			"Spot Instances (InstanceMarketOptions) when you configure an Auto Scaling group with a mixed instances policy.")
	}
	return data, nil
}

// placesFor picks the first type for each place that is offered and to be had there.
func (c *call) placesFor(types []string, nic map[string]any) ([]place, error) {
	candidates, err := c.candidates(nic)
	if err != nil {
		return nil, err
	}
	var places []place
	for _, p := range candidates {
		offered := func(typ string) bool { return ec2types.IsOffered(p.zone, typ) }
		if !slices.ContainsFunc(types, offered) {
			return nil, refused("ValidationError: Your requested instance type (%s) is not supported in your requested Availability Zone (%s).",
				strings.Join(types, ", "), p.zone)
		}
		if i := slices.IndexFunc(types, func(typ string) bool { return offered(typ) && !c.cloud.faults.noCapacity(p.zone, typ) }); i >= 0 {
			p.typ = types[i]
			places = append(places, p)
		}
	}
	return places, nil
}

func (c *call) versionWanted() string {
	if spec, ok := c.rec.Inputs["launchTemplate"]; ok {
		return str(obj(spec)["version"])
	}
	policy := obj(obj(c.rec.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	return str(obj(policy["launchTemplateSpecification"])["version"])
}

// weights says how much each type counts, for groups that say so.
func (c *call) weights() map[string]int {
	weights := map[string]int{}
	policy := obj(obj(c.rec.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range objs(policy["overrides"]) {
		if n, err := strconv.Atoi(str(o["weightedCapacity"])); err == nil {
			weights[str(o["instanceType"])] = n
		}
	}
	return weights
}

// typesOf lists the instance types that a group may launch: the overrides of its policy, or that of its template.
func (c *call) typesOf(data map[string]any) ([]string, error) {
	var types []string
	policy := obj(obj(c.rec.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range objs(policy["overrides"]) {
		types = append(types, str(o["instanceType"]))
	}
	if len(types) == 0 {
		types = []string{str(data["instanceType"])}
	}
	for _, typ := range types {
		if _, ok := ec2types.Lookup(typ); !ok {
			return nil, refused("ValidationError: You must use a valid fully-formed launch template. Invalid instance type: %q", typ)
		}
	}
	return types, nil
}

// candidates lists where a group's machines may start: its subnets, or the zones when the template brings an interface along.
func (c *call) candidates(nic map[string]any) ([]place, error) {
	if id := str(nic["networkInterfaceId"]); id != "" {
		return c.besideInterface(id)
	}
	var out []place
	for _, id := range c.rec.strs("vpcZoneIdentifiers") {
		subnet := c.find(id, subnetType)
		if subnet == nil {
			return nil, refused("ValidationError: The subnet ID '%s' does not exist", id)
		}
		out = append(out, place{zone: subnet.str("availabilityZone"), subnet: subnet})
	}
	if len(out) == 0 {
		return nil, refused("ValidationError: No default subnet for availability zone: '%s'. Give vpcZoneIdentifiers, or an interface in the launch template.",
			strings.Join(c.rec.strs("availabilityZones"), ", "))
	}
	return out, nil
}

// besideInterface refuses a group whose template names an interface unless it is one machine in that interface's zone: the
// interface decides the subnet, and serves one.
func (c *call) besideInterface(id string) ([]place, error) {
	eni := c.find(id, networkInterfaceType)
	if eni == nil {
		return nil, refused("ValidationError: "+networkInterfaceKind.missing, id)
	}
	if _, ok := c.rec.Inputs["vpcZoneIdentifiers"]; ok {
		return nil, refused("ValidationError: a launch template with the network interface %s needs availabilityZones and no vpcZoneIdentifiers", id)
	}
	if c.rec.num("maxSize") > 1 {
		return nil, refused("ValidationError: the network interface %s can be attached to one instance only: maxSize must not be over 1", id)
	}
	subnet := c.find(eni.str("subnetId"), subnetType)
	zone := subnet.str("availabilityZone")
	if zones := c.rec.strs("availabilityZones"); len(zones) != 1 || zones[0] != zone {
		return nil, refused("ValidationError: availabilityZones must be %s only, where the network interface %s is", zone, id)
	}
	if machine := c.st.machineOf(eni); machine != nil && !c.st.ownedBy(machine, c.rec.key) {
		return nil, refused("InvalidNetworkInterface.InUse: Interface: [%s] in use. (by %s)", id, c.st.face(machine).ID)
	}
	return []place{{zone: zone, subnet: subnet}}, nil
}
