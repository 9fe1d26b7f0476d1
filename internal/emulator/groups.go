package emulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/regions/ec2types"
)

const groupType = "aws:autoscaling/group:Group"

func init() {
	define(groupKind)
}

// What a group launches, and where: exactly one of each must be given.
var (
	groupLaunches = []string{"launchTemplate", "mixedInstancesPolicy", "launchConfiguration"}
	groupPlaces   = []string{"vpcZoneIdentifiers", "availabilityZones"}
)

var groupKind = &kind{
	typ:      groupType,
	missing:  "ValidationError: AutoScalingGroup name not found - %s",
	autoName: 255,
	defaults: map[string]any{"forceDelete": false, "forceDeleteWarmPool": false, "healthCheckGracePeriod": 300.0,
		"ignoreFailedScalingActivities": false, "metricsGranularity": "1Minute", "protectFromScaleIn": false,
		"waitForCapacityTimeout": "10m"},
	sets:    []string{"tags"},
	ordered: []string{"terminationPolicies"},
	unread: []string{"forceDelete", "forceDeleteWarmPool", "ignoreFailedScalingActivities", "waitForCapacityTimeout",
		"waitForElbCapacity", "minElbCapacity"},
	oneOf:   [][]string{groupLaunches, groupPlaces},
	notBoth: [][]string{{"name", "namePrefix"}},
	refuse: []string{"launchConfiguration", "loadBalancers", "placementGroup", "targetGroupArns", "trafficSources", "warmPool",
		"minElbCapacity", "waitForElbCapacity", "capacityReservationSpecification"},
	refs: []ref{ // machines hold on to their subnets; the group itself does not
		{path: "vpcZoneIdentifiers[]", to: []string{subnetType}},
		{path: "launchTemplate.id", to: []string{launchTemplateType}},
		{path: "launchTemplate.name", to: []string{launchTemplateType}, byName: true},
		{path: mixedTemplate + "launchTemplateId", to: []string{launchTemplateType}},
		{path: mixedTemplate + "launchTemplateName", to: []string{launchTemplateType}, byName: true},
	},
	check: checkGroupSizes,
	create: func(c *call) error {
		if err := c.nameUnique("AlreadyExists: AutoScalingGroup by this name already exists - A group with the name %s already exists"); err != nil {
			return err
		}
		c.rec.Outputs["arn"] = fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:%s:autoScalingGroupName/%s",
			c.region, c.account, c.newID("asg"), c.rec.ID)
		c.rec.Outputs["serviceLinkedRoleArn"] = fmt.Sprintf(
			"arn:aws:iam::%s:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", c.account)
		c.rec.Outputs["defaultCooldown"] = 300.0
		c.rec.Outputs["healthCheckType"] = "EC2"
		c.rec.Outputs["availabilityZoneDistribution"] = map[string]any{"capacityDistributionStrategy": "balanced-best-effort"}
		c.rec.Outputs["predictedCapacity"] = 0.0
		c.rec.Outputs["warmPoolSize"] = 0.0
		c.rec.Outputs["desiredCapacity"] = c.rec.get("minSize")
		return c.scale()
	},
	update: func(c *call) error {
		for _, name := range slices.Concat(groupLaunches, groupPlaces) { // one of each is given: what was before it has no say
			delete(c.rec.Outputs, name)
		}
		if _, ok := c.rec.Inputs["desiredCapacity"]; !ok { // who gives no number leaves it to the policies, within the bounds
			n := min(max(c.old.num("desiredCapacity"), c.rec.num("minSize")), c.rec.num("maxSize"))
			c.rec.Outputs["desiredCapacity"] = float64(n)
		}
		return c.scale()
	},
	live: liveGroup,
}

const mixedTemplate = "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification."

func checkGroupSizes(m resource.PropertyMap) []catalog.Failure {
	least, most, want := catalog.Bare(m["minSize"]), catalog.Bare(m["maxSize"]), catalog.Bare(m["desiredCapacity"])
	if !least.IsNumber() || !most.IsNumber() {
		return nil
	}
	lo, hi := least.NumberValue(), most.NumberValue()
	switch {
	case lo < 0 || lo > hi:
		return []catalog.Failure{{Property: "minSize", Reason: fmt.Sprintf(
			"ValidationError: Max bound, %v, must be greater than or equal to min bound, %v", hi, lo)}}
	case want.IsNumber() && (want.NumberValue() < lo || want.NumberValue() > hi):
		return []catalog.Failure{{Property: "desiredCapacity", Reason: fmt.Sprintf(
			"ValidationError: Desired capacity:%v must be between the specified min size:%v and max size:%v", want.NumberValue(), lo, hi)}}
	}
	return nil
}

// liveGroup tells a group's zones, and the names behind the ids of its template.
func liveGroup(s *State, r *record) map[string]any {
	out := map[string]any{}
	if len(r.strs("vpcZoneIdentifiers")) > 0 {
		var zones []string
		for _, id := range r.strs("vpcZoneIdentifiers") {
			if subnet := s.near(r, subnetType, id); subnet != nil && !slices.Contains(zones, subnet.str("availabilityZone")) {
				zones = append(zones, subnet.str("availabilityZone"))
			}
		}
		out["availabilityZones"] = anys(zones)
	}
	if spec, ok := r.Inputs["launchTemplate"].(map[string]any); ok {
		full := copied(spec)
		if t := s.templateOf(r); t != nil {
			full["id"], full["name"] = t.ID, t.str("name")
		}
		out["launchTemplate"] = full
	}
	return out
}

// templateOf finds the launch template of a group, directly or in its mixed instances policy; nil when it is gone.
func (s *State) templateOf(group *record) *record {
	for _, l := range s.resolve(group) {
		if l.to.Type == launchTemplateType {
			return s.records[l.to]
		}
	}
	return nil
}

// scale launches or terminates machines until there are as many as desired, and waits for those it launched, as the real provider
// does unless told otherwise.
func (c *call) scale() error {
	c.set(c.rec) // machines refer to it
	machines := c.st.owned(c.rec.key)
	want := c.rec.num("desiredCapacity")
	for i := len(machines) - 1; i >= want; i-- {
		c.removeAll(machines[i]) // an interface that was there before stays
	}
	o, places, err := c.order()
	if err != nil {
		return err
	}
	waits := c.rec.str("waitForCapacityTimeout") != "0" && c.rec.str("waitForCapacityTimeout") != "0s"
	for n := len(machines); n < want; n++ {
		if len(places) == 0 {
			if waits {
				c.extra += parseSeconds(c.rec.str("waitForCapacityTimeout"), 600)
				c.failed = c.starved(want, n)
			}
			return nil
		}
		o.typ, o.zone, o.subnet = places[n%len(places)].typ, places[n%len(places)].zone, places[n%len(places)].subnet
		if err := c.launch(o); err != nil {
			return err
		}
		if waits {
			c.extra = bootSeconds()
		}
	}
	return nil
}

// starved is what the provider says when a group's machines do not come.
func (c *call) starved(want, have int) error {
	return fmt.Errorf("waiting for Auto Scaling Group (%s) capacity satisfied: want at least %d healthy instance(s) in Auto Scaling Group, have %d: "+
		"InsufficientInstanceCapacity: We currently do not have sufficient capacity in the Availability Zone you requested (%s)",
		c.rec.ID, want, have, strings.Join(strs(c.st.outputs(c.rec)["availabilityZones"]), ", "))
}

// place is where a machine may start, and which type of machine it is to be there.
type place struct {
	typ, zone string
	subnet    *record
}

// order works out what a group launches and where. Zones without capacity are left out; a zone that offers none of the group's types
// is refused.
func (c *call) order() (order, []place, error) {
	o := order{group: c.rec, tags: map[string]string{}}
	for _, t := range objs(c.rec.get("tags")) {
		if flag(t["propagateAtLaunch"]) {
			o.tags[str(t["key"])] = str(t["value"])
		}
	}
	template := c.st.templateOf(c.rec)
	if template == nil {
		return o, nil, refused("ValidationError: You must use a valid fully-formed launch template.")
	}
	data, _, err := templateVersion(template, c.versionWanted())
	if err != nil {
		return o, nil, err
	}
	o.data = data
	types, err := c.typesOf(data)
	if err != nil {
		return o, nil, err
	}
	candidates, err := c.candidates(firstNIC(data))
	if err != nil {
		return o, nil, err
	}
	var places []place
	for _, p := range candidates {
		i := slices.IndexFunc(types, func(typ string) bool { return ec2types.Offered(p.zone, typ) })
		if i < 0 {
			return o, nil, refused("ValidationError: Your requested instance type (%s) is not supported in your requested Availability Zone (%s).",
				strings.Join(types, ", "), p.zone)
		}
		if !c.cloud.faults.noCapacity(p.zone) {
			p.typ = types[i]
			places = append(places, p)
		}
	}
	return o, places, nil
}

func (c *call) versionWanted() string {
	if spec, ok := c.rec.Inputs["launchTemplate"]; ok {
		return str(obj(spec)["version"])
	}
	policy := obj(obj(c.rec.Inputs["mixedInstancesPolicy"])["launchTemplate"])
	return str(obj(policy["launchTemplateSpecification"])["version"])
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
