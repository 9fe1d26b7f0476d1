package aws

import (
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// assignPlace sets the place and type of the next machine of an order, and whether it is a spot machine.
func (o *launchOrder) assignPlace(p launchPlace, total, hourly int) {
	o.typ, o.zone, o.subnet = p.typ, p.zone, p.subnet
	o.weight = 1
	if w, ok := o.weights[p.typ]; ok {
		o.weight = w
	}
	o.spot = cloud.Text(cloud.Object(o.data["instanceMarketOptions"])["marketType"]) == "spot"
	if _, mixed := o.group.Inputs["mixedInstancesPolicy"]; mixed {
		o.spot = !isNextOnDemand(o.group, total, hourly)
	}
}

// launchPlace is a zone and subnet where a machine may start, and its type there.
type launchPlace struct {
	typ, zone string
	subnet    *cloud.Record
}

// planLaunches returns what a group launches, and where. It leaves out zones without capacity. It refuses a zone that offers none of
// the group's types.
func planLaunches(c *cloud.Call) (launchOrder, []launchPlace, error) {
	o := launchOrder{group: c.New, tags: map[string]string{groupTag: c.New.ID}, weights: typeWeights(c)}
	// A group that launches protected machines has an agent that releases them when they are idle. In the emulator they are always idle.
	o.protected = c.New.Bool("protectFromScaleIn") && len(launchHooksOf(c.State, c.New)) == 0
	for _, t := range cloud.Objects(c.New.Get("tags")) {
		if cloud.Bool(t["propagateAtLaunch"]) {
			o.tags[cloud.Text(t["key"])] = cloud.Text(t["value"])
		}
	}
	data, err := groupLaunchData(c)
	if err != nil {
		return o, nil, err
	}
	o.data = data
	types, err := groupInstanceTypes(c, data)
	if err != nil {
		return o, nil, err
	}
	places, err := findPlaces(c, types, firstInterface(data))
	return o, places, err
}

// groupLaunchData returns the data of the launch template version that a group uses.
func groupLaunchData(c *cloud.Call) (map[string]any, error) {
	template := launchTemplateOf(c.State, c.New)
	if template == nil {
		return nil, cloud.Refuse("ValidationError: You must use a valid fully-formed launch template.")
	}
	data, _, err := findTemplateVersion(template, wantedVersion(c))
	if err != nil {
		return nil, err
	}
	if _, mixed := c.New.Inputs["mixedInstancesPolicy"]; mixed && data["instanceMarketOptions"] != nil {
		return nil, cloud.Refuse("ValidationError: Incompatible launch template: You cannot use a launch template that is set to request " +
			"Spot Instances (InstanceMarketOptions) when you configure an Auto Scaling group with a mixed instances policy.")
	}
	return data, nil
}

// findPlaces returns, for each place, the first type that is offered there and has capacity.
func findPlaces(c *cloud.Call, types []string, nic map[string]any) ([]launchPlace, error) {
	candidates, err := candidatePlaces(c, nic)
	if err != nil {
		return nil, err
	}
	var places []launchPlace
	for _, p := range candidates {
		offered := func(typ string) bool { return ec2types.IsOffered(p.zone, typ) }
		if !slices.ContainsFunc(types, offered) {
			return nil, cloud.Refuse("ValidationError: Your requested instance type (%s) is not supported in your requested Availability Zone (%s).",
				strings.Join(types, ", "), p.zone)
		}
		if i := slices.IndexFunc(types, func(typ string) bool { return offered(typ) && !c.LacksCapacity(p.zone, typ) }); i >= 0 {
			p.typ = types[i]
			places = append(places, p)
		}
	}
	return places, nil
}

func wantedVersion(c *cloud.Call) string {
	if spec, ok := c.New.Inputs["launchTemplate"]; ok {
		return cloud.Text(cloud.Object(spec)["version"])
	}
	policy := cloud.Object(cloud.Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	return cloud.Text(cloud.Object(policy["launchTemplateSpecification"])["version"])
}

// typeWeights returns how much each type counts, for groups that set weights.
func typeWeights(c *cloud.Call) map[string]int {
	weights := map[string]int{}
	policy := cloud.Object(cloud.Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range cloud.Objects(policy["overrides"]) {
		if n, err := strconv.Atoi(cloud.Text(o["weightedCapacity"])); err == nil {
			weights[cloud.Text(o["instanceType"])] = n
		}
	}
	return weights
}

// groupInstanceTypes lists the instance types that a group may launch: the overrides of its policy, or that of its template.
func groupInstanceTypes(c *cloud.Call, data map[string]any) ([]string, error) {
	var types []string
	policy := cloud.Object(cloud.Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range cloud.Objects(policy["overrides"]) {
		types = append(types, cloud.Text(o["instanceType"]))
	}
	if len(types) == 0 {
		types = []string{cloud.Text(data["instanceType"])}
	}
	for _, typ := range types {
		if _, ok := ec2types.Lookup(typ); !ok {
			return nil, cloud.Refuse("ValidationError: You must use a valid fully-formed launch template. Invalid instance type: %q", typ)
		}
	}
	return types, nil
}

// candidatePlaces lists where a group's machines may start: its subnets, or the zones when the template names an interface.
func candidatePlaces(c *cloud.Call, nic map[string]any) ([]launchPlace, error) {
	if id := cloud.Text(nic["networkInterfaceId"]); id != "" {
		return placeAtInterface(c, id)
	}
	var out []launchPlace
	for _, id := range c.New.Texts("vpcZoneIdentifiers") {
		subnet := c.Find(id, SubnetType)
		if subnet == nil {
			return nil, cloud.Refuse("ValidationError: The subnet ID '%s' does not exist", id)
		}
		out = append(out, launchPlace{zone: subnet.Text("availabilityZone"), subnet: subnet})
	}
	if len(out) == 0 {
		return nil, cloud.Refuse("ValidationError: No default subnet for availability zone: '%s'. Give vpcZoneIdentifiers, or an interface "+
			"in the launch template.",
			strings.Join(c.New.Texts("availabilityZones"), ", "))
	}
	return out, nil
}

// placeAtInterface returns the place of a group whose template names an interface. The interface decides the subnet and serves one
// machine, so the group must have one machine at most, in that interface's zone.
func placeAtInterface(c *cloud.Call, id string) ([]launchPlace, error) {
	eni := c.Find(id, NetworkInterfaceType)
	if eni == nil {
		return nil, cloud.Refuse("ValidationError: "+networkInterfaceKind.Missing, id)
	}
	if _, ok := c.New.Inputs["vpcZoneIdentifiers"]; ok {
		return nil, cloud.Refuse("ValidationError: a launch template with the network interface %s needs availabilityZones and no "+
			"vpcZoneIdentifiers", id)
	}
	if c.New.Number("maxSize") > 1 {
		return nil, cloud.Refuse("ValidationError: the network interface %s can be attached to one instance only: maxSize must not be over 1", id)
	}
	subnet := c.Find(eni.Text("subnetId"), SubnetType)
	zone := subnet.Text("availabilityZone")
	if zones := c.New.Texts("availabilityZones"); len(zones) != 1 || zones[0] != zone {
		return nil, cloud.Refuse("ValidationError: availabilityZones must be %s only, where the network interface %s is", zone, id)
	}
	if machine := instanceOf(c.State, eni); machine != nil && !c.State.IsOwnedBy(machine, c.New.Key) {
		return nil, cloud.Refuse("InvalidNetworkInterface.InUse: Interface: [%s] in use. (by %s)", id, c.State.VisibleRecord(machine).ID)
	}
	return []launchPlace{{zone: zone, subnet: subnet}}, nil
}
