package aws

import (
	"fmt"
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// AutoScalingGroupType is the Pulumi type token of an Auto Scaling group.
const AutoScalingGroupType = "aws:autoscaling/group:Group"

// The inputs that state what a group launches, and where. Exactly one of each must be set.
var (
	groupLaunches = []string{"launchTemplate", "mixedInstancesPolicy", "launchConfiguration"}
	groupPlaces   = []string{"vpcZoneIdentifiers", "availabilityZones"}
)

var autoScalingGroupKind = &cloud.Kind{
	Type:           AutoScalingGroupType,
	Missing:        "ValidationError: AutoScalingGroup name not found - %s",
	AutoNameLength: 255,
	Defaults: map[string]any{"forceDelete": false, "forceDeleteWarmPool": false, "healthCheckGracePeriod": 300.0,
		"ignoreFailedScalingActivities": false, "metricsGranularity": "1Minute", "protectFromScaleIn": false,
		"waitForCapacityTimeout": "10m"},
	Sets:    []string{"tags"},
	Ordered: []string{"terminationPolicies"},
	WriteOnly: []string{"forceDelete", "forceDeleteWarmPool", "ignoreFailedScalingActivities", "initialLifecycleHooks",
		"waitForCapacityTimeout",
		"waitForElbCapacity", "minElbCapacity"},
	ExactlyOne: [][]string{groupLaunches, groupPlaces},
	AtMostOne:  [][]string{{"name", "namePrefix"}},
	Unsupported: []string{"launchConfiguration", "loadBalancers", "placementGroup", "targetGroupArns", "trafficSources", "warmPool",
		"minElbCapacity", "waitForElbCapacity", "capacityReservationSpecification", "instanceRefresh", "serviceLinkedRoleArn"},
	References: []cloud.Reference{ // machines hold on to their subnets; the group itself does not
		{Path: "vpcZoneIdentifiers[]", To: []string{SubnetType}},
		{Path: "launchTemplate.id", To: []string{LaunchTemplateType}},
		{Path: "launchTemplate.name", To: []string{LaunchTemplateType}, ByName: true},
		{Path: mixedTemplate + "launchTemplateId", To: []string{LaunchTemplateType}},
		{Path: mixedTemplate + "launchTemplateName", To: []string{LaunchTemplateType}, ByName: true},
	},
	Check: checkGroupInputs,
	Create: func(c *cloud.Call) error {
		if err := assignUniqueName(c,
			"AlreadyExists: AutoScalingGroup by this name already exists - A group with the name %s already exists"); err != nil {
			return err
		}
		c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:%s:autoScalingGroupName/%s",
			c.Region, c.Account, c.NewID("asg"), c.New.ID)
		c.New.Outputs["serviceLinkedRoleArn"] = fmt.Sprintf(
			"arn:aws:iam::%s:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", c.Account)
		c.New.Outputs["defaultCooldown"] = 300.0
		c.New.Outputs["healthCheckType"] = "EC2"
		c.New.Outputs["availabilityZoneDistribution"] = map[string]any{"capacityDistributionStrategy": "balanced-best-effort"}
		c.New.Outputs["predictedCapacity"] = 0.0
		c.New.Outputs["warmPoolSize"] = 0.0
		c.New.Outputs["desiredCapacity"] = c.New.Get("minSize")
		return scaleGroup(c)
	},
	Update: func(c *cloud.Call) error {
		for _, name := range slices.Concat(groupLaunches, groupPlaces) { // one of each is set: the previous one no longer applies
			delete(c.New.Outputs, name)
		}
		if _, ok := c.New.Inputs["desiredCapacity"]; !ok { // who gives no number leaves it to the policies, within the bounds
			n := min(max(c.Old.Number("desiredCapacity"), c.New.Number("minSize")), c.New.Number("maxSize"))
			c.New.Outputs["desiredCapacity"] = float64(n)
		}
		return scaleGroup(c)
	},
	Derive:     describeGroup,
	CreateWait: groupWaitSeconds,
}

const mixedTemplate = "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification."

// describeGroup returns a group's zones, and the names behind the ids of its template.
func describeGroup(s *cloud.State, r *cloud.Record) map[string]any {
	out := map[string]any{}
	if len(r.Texts("vpcZoneIdentifiers")) > 0 {
		var zones []string
		for _, id := range r.Texts("vpcZoneIdentifiers") {
			if subnet := s.RecordNear(r, SubnetType, id); subnet != nil && !slices.Contains(zones, subnet.Text("availabilityZone")) {
				zones = append(zones, subnet.Text("availabilityZone"))
			}
		}
		out["availabilityZones"] = cloud.AnyList(zones)
	}
	if spec, ok := r.Inputs["launchTemplate"].(map[string]any); ok {
		full := cloud.CopyMap(spec)
		if t := launchTemplateOf(s, r); t != nil {
			full["id"], full["name"] = t.ID, t.Text("name")
		}
		out["launchTemplate"] = full
	}
	return out
}

// launchTemplateOf returns the launch template of a group, directly or in its mixed instances policy, or nil when it no longer exists.
func launchTemplateOf(s *cloud.State, group *cloud.Record) *cloud.Record {
	return s.TargetOfType(group, LaunchTemplateType)
}
