package emulator

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
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
	unread: []string{"forceDelete", "forceDeleteWarmPool", "ignoreFailedScalingActivities", "initialLifecycleHooks", "waitForCapacityTimeout",
		"waitForElbCapacity", "minElbCapacity"},
	oneOf:   [][]string{groupLaunches, groupPlaces},
	notBoth: [][]string{{"name", "namePrefix"}},
	refuse: []string{"launchConfiguration", "loadBalancers", "placementGroup", "targetGroupArns", "trafficSources", "warmPool",
		"minElbCapacity", "waitForElbCapacity", "capacityReservationSpecification", "instanceRefresh", "serviceLinkedRoleArn"},
	refs: []ref{ // machines hold on to their subnets; the group itself does not
		{path: "vpcZoneIdentifiers[]", to: []string{subnetType}},
		{path: "launchTemplate.id", to: []string{launchTemplateType}},
		{path: "launchTemplate.name", to: []string{launchTemplateType}, byName: true},
		{path: mixedTemplate + "launchTemplateId", to: []string{launchTemplateType}},
		{path: mixedTemplate + "launchTemplateName", to: []string{launchTemplateType}, byName: true},
	},
	check: checkGroup,
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
