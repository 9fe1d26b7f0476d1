package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/regions/ec2types"
)

// scaleGroup launches or terminates machines until there is as much capacity as desired, and waits for those it launched, as the real
// provider does unless told otherwise.
func scaleGroup(c *Call) error {
	c.Store(c.New) // machines refer to it
	want := c.New.Number("desiredCapacity")
	terminateSurplus(c, want)
	o, places, err := planLaunches(c)
	if err != nil {
		return err
	}
	ready, stuck := secondsToService(c.State, c.New)
	if stuck == nil && len(places) == 0 {
		stuck = noCapacityError(c)
	}
	o.inService = OperationSeconds(c.Kind, operationName(c), c.New) + ready
	machines := c.State.OwnedRecords(c.New.Key)
	total, hourly := countCapacity(machines)
	for n := len(machines); total < want; n++ {
		if stuck == nil {
			o.assignPlace(places[n%len(places)], total, hourly)
			stuck = checkVCPUQuota(c, &o)
		}
		if stuck != nil {
			failCapacityWait(c, want, total, stuck)
			return nil
		}
		if err := launchInstance(c, o); err != nil {
			return err
		}
		if total += o.weight; !o.spot {
			hourly += o.weight
		}
		if waitsForCapacity(c.New) {
			c.ExtraSeconds = ready
		}
	}
	return nil
}

// groupWaitSeconds returns how long the provider waits for the machines of a new group. It is 0 when the emulated cloud refuses the group,
// because no machine would reach service.
func groupWaitSeconds(s *State, group *Record) float64 {
	if max(group.Number("minSize"), group.Number("desiredCapacity")) <= 0 || !waitsForCapacity(group) {
		return 0
	}
	ready, err := secondsToService(s, group)
	if err != nil {
		return 0
	}
	return ready
}

// waitsForCapacity says whether the provider waits for a group's machines.
func waitsForCapacity(group *Record) bool {
	timeout := group.Text("waitForCapacityTimeout")
	return timeout != "0" && timeout != "0s"
}

// failCapacityWait is what comes of waiting in vain. The group stands, and the next update tries again.
func failCapacityWait(c *Call, want, have int, why error) {
	if !waitsForCapacity(c.New) {
		return
	}
	c.ExtraSeconds += parseTimeout(c.New.Text("waitForCapacityTimeout"), 600)
	c.Failed = fmt.Errorf("waiting for Auto Scaling Group (%s) capacity satisfied: want at least %d healthy instance(s) in Auto Scaling Group, have %d: %w",
		c.New.ID, want, have, why)
}

// operationName is how the journal will call what the call does.
func operationName(c *Call) string {
	if c.Old == nil {
		return "create"
	}
	return "update"
}

// terminateSurplus terminates the youngest machines that are too many. None goes with which the group would have too little, and none that
// is protected; an interface that was there before stays.
func terminateSurplus(c *Call, want int) {
	machines := c.State.OwnedRecords(c.New.Key)
	total, _ := countCapacity(machines)
	for _, m := range slices.Backward(machines) {
		if weight := instanceWeight(m); total-weight >= want && !Bool(m.Extra["protected"]) {
			c.DropAll(m)
			total -= weight
		}
	}
}

// countCapacity counts what machines weigh, all of them and those that are paid by the hour.
func countCapacity(machines []*Record) (total, hourly int) {
	for _, m := range machines {
		total += instanceWeight(m)
		if m.Text("instanceLifecycle") != "spot" {
			hourly += instanceWeight(m)
		}
	}
	return total, hourly
}

// instanceWeight is how much a machine counts against its group's desired capacity.
func instanceWeight(machine *Record) int { return max(1, Number(machine.Extra["weight"])) }

// noCapacityError is what the API says when there is no capacity anywhere.
func noCapacityError(c *Call) error {
	return fmt.Errorf("InsufficientInstanceCapacity: We currently do not have sufficient capacity in the Availability Zone you requested (%s)",
		strings.Join(Texts(c.State.OutputsOf(c.New)["availabilityZones"]), ", "))
}

// assignPlace settles where the next machine of an order starts, as what, and how it is paid.
func (o *launchOrder) assignPlace(p launchPlace, total, hourly int) {
	o.typ, o.zone, o.subnet = p.typ, p.zone, p.subnet
	o.weight = 1
	if w, ok := o.weights[p.typ]; ok {
		o.weight = w
	}
	o.spot = Text(Object(o.data["instanceMarketOptions"])["marketType"]) == "spot"
	if _, mixed := o.group.Inputs["mixedInstancesPolicy"]; mixed {
		o.spot = !isNextOnDemand(o.group, total, hourly)
	}
}

// launchPlace is where a machine may start, and which type of machine it is to be there.
type launchPlace struct {
	typ, zone string
	subnet    *Record
}

// planLaunches works out what a group launches and where. Zones without capacity are left out; a zone that offers none of the group's types
// is refused.
func planLaunches(c *Call) (launchOrder, []launchPlace, error) {
	o := launchOrder{group: c.New, tags: map[string]string{groupTag: c.New.ID}, weights: typeWeights(c)}
	// Who launches machines protected has an agent let them go when they are idle, and here they always are.
	o.protected = c.New.Bool("protectFromScaleIn") && len(launchHooksOf(c.State, c.New)) == 0
	for _, t := range Objects(c.New.Get("tags")) {
		if Bool(t["propagateAtLaunch"]) {
			o.tags[Text(t["key"])] = Text(t["value"])
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

// groupLaunchData is what the group's version of its launch template says.
func groupLaunchData(c *Call) (map[string]any, error) {
	template := launchTemplateOf(c.State, c.New)
	if template == nil {
		return nil, Refuse("ValidationError: You must use a valid fully-formed launch template.")
	}
	data, _, err := findTemplateVersion(template, wantedVersion(c))
	if err != nil {
		return nil, err
	}
	if _, mixed := c.New.Inputs["mixedInstancesPolicy"]; mixed && data["instanceMarketOptions"] != nil {
		return nil, Refuse("ValidationError: Incompatible launch template: You cannot use a launch template that is set to request " +
			"Spot Instances (InstanceMarketOptions) when you configure an Auto Scaling group with a mixed instances policy.")
	}
	return data, nil
}

// findPlaces picks the first type for each place that is offered and to be had there.
func findPlaces(c *Call, types []string, nic map[string]any) ([]launchPlace, error) {
	candidates, err := candidatePlaces(c, nic)
	if err != nil {
		return nil, err
	}
	var places []launchPlace
	for _, p := range candidates {
		offered := func(typ string) bool { return ec2types.Offered(p.zone, typ) }
		if !slices.ContainsFunc(types, offered) {
			return nil, Refuse("ValidationError: Your requested instance type (%s) is not supported in your requested Availability Zone (%s).",
				strings.Join(types, ", "), p.zone)
		}
		if i := slices.IndexFunc(types, func(typ string) bool { return offered(typ) && !c.LacksCapacity(p.zone, typ) }); i >= 0 {
			p.typ = types[i]
			places = append(places, p)
		}
	}
	return places, nil
}

func wantedVersion(c *Call) string {
	if spec, ok := c.New.Inputs["launchTemplate"]; ok {
		return Text(Object(spec)["version"])
	}
	policy := Object(Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	return Text(Object(policy["launchTemplateSpecification"])["version"])
}

// typeWeights says how much each type counts, for groups that say so.
func typeWeights(c *Call) map[string]int {
	weights := map[string]int{}
	policy := Object(Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range Objects(policy["overrides"]) {
		if n, err := strconv.Atoi(Text(o["weightedCapacity"])); err == nil {
			weights[Text(o["instanceType"])] = n
		}
	}
	return weights
}

// groupInstanceTypes lists the instance types that a group may launch: the overrides of its policy, or that of its template.
func groupInstanceTypes(c *Call, data map[string]any) ([]string, error) {
	var types []string
	policy := Object(Object(c.New.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	for _, o := range Objects(policy["overrides"]) {
		types = append(types, Text(o["instanceType"]))
	}
	if len(types) == 0 {
		types = []string{Text(data["instanceType"])}
	}
	for _, typ := range types {
		if _, ok := ec2types.Lookup(typ); !ok {
			return nil, Refuse("ValidationError: You must use a valid fully-formed launch template. Invalid instance type: %q", typ)
		}
	}
	return types, nil
}

// candidatePlaces lists where a group's machines may start: its subnets, or the zones when the template brings an interface along.
func candidatePlaces(c *Call, nic map[string]any) ([]launchPlace, error) {
	if id := Text(nic["networkInterfaceId"]); id != "" {
		return placeAtInterface(c, id)
	}
	var out []launchPlace
	for _, id := range c.New.Texts("vpcZoneIdentifiers") {
		subnet := c.Find(id, SubnetType)
		if subnet == nil {
			return nil, Refuse("ValidationError: The subnet ID '%s' does not exist", id)
		}
		out = append(out, launchPlace{zone: subnet.Text("availabilityZone"), subnet: subnet})
	}
	if len(out) == 0 {
		return nil, Refuse("ValidationError: No default subnet for availability zone: '%s'. Give vpcZoneIdentifiers, or an interface in the launch template.",
			strings.Join(c.New.Texts("availabilityZones"), ", "))
	}
	return out, nil
}

// placeAtInterface refuses a group whose template names an interface unless it is one machine in that interface's zone: the
// interface decides the subnet, and serves one.
func placeAtInterface(c *Call, id string) ([]launchPlace, error) {
	eni := c.Find(id, NetworkInterfaceType)
	if eni == nil {
		return nil, Refuse("ValidationError: "+networkInterfaceKind.Missing, id)
	}
	if _, ok := c.New.Inputs["vpcZoneIdentifiers"]; ok {
		return nil, Refuse("ValidationError: a launch template with the network interface %s needs availabilityZones and no vpcZoneIdentifiers", id)
	}
	if c.New.Number("maxSize") > 1 {
		return nil, Refuse("ValidationError: the network interface %s can be attached to one instance only: maxSize must not be over 1", id)
	}
	subnet := c.Find(eni.Text("subnetId"), SubnetType)
	zone := subnet.Text("availabilityZone")
	if zones := c.New.Texts("availabilityZones"); len(zones) != 1 || zones[0] != zone {
		return nil, Refuse("ValidationError: availabilityZones must be %s only, where the network interface %s is", zone, id)
	}
	if machine := instanceOf(c.State, eni); machine != nil && !c.State.IsOwnedBy(machine, c.New.Key) {
		return nil, Refuse("InvalidNetworkInterface.InUse: Interface: [%s] in use. (by %s)", id, c.State.VisibleRecord(machine).ID)
	}
	return []launchPlace{{zone: zone, subnet: subnet}}, nil
}

// parseTimeout reads one of Terraform's durations, 10m, in seconds.
func parseTimeout(s string, otherwise float64) float64 {
	d, err := time.ParseDuration(s)
	if err != nil {
		return otherwise
	}
	return d.Seconds()
}
