package aws

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// ScalingPolicyType is the Pulumi type token of a scaling policy of an Auto Scaling group.
const ScalingPolicyType = "aws:autoscaling/policy:Policy"

// Ids contain the group's name, as those of hooks do. Policies never scale a group in the emulator, because no metrics are published.
var scalingPolicyKind = &cloud.Kind{
	Type:           ScalingPolicyType,
	Missing:        "ValidationError: No scaling policy found with name %s",
	AutoNameLength: 255,
	Defaults:       map[string]any{"enabled": true},
	Unsupported: []string{"adjustmentType", "cooldown", "metricAggregationType", "minAdjustmentMagnitude", "predictiveScalingConfiguration",
		"scalingAdjustment", "stepAdjustments"},
	ExactlyOne: [][]string{{"policyType"}, {"targetTrackingConfiguration"}},
	References: []cloud.Reference{{Path: "autoscalingGroupName", To: []string{AutoScalingGroupType}, OnDelete: cloud.Cascade}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckSupported("policyType", "TargetTrackingScaling")
		in.CheckRange("estimatedInstanceWarmup", 0, 86400)
		checkTracking(in.Nested("targetTrackingConfiguration"))
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		group := c.New.Text("autoscalingGroupName")
		c.New.ID = group + "/" + c.New.Text("name")
		if c.Find(c.New.ID, ScalingPolicyType) != nil {
			return cloud.Refuse("AlreadyExists: the scaling policy %s already exists", c.New.ID) // PutScalingPolicy would overwrite it silently
		}
		c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:autoscaling:%s:%s:scalingPolicy:%s:autoScalingGroupName/%s:policyName/%s",
			c.Region, c.Account, c.NewID("policy"), group, c.New.Text("name"))
		return nil
	},
}

func checkTracking(in *cloud.Inputs) {
	in.RefuseUnsupported("predefinedMetricSpecification")
	if n, ok := in.Values["targetValue"].(float64); ok && n <= 0 {
		in.Fail("targetValue", "must be above 0, is %v", n)
	}
	metric := in.Nested("customizedMetricSpecification")
	if len(metric.Values) == 0 {
		return
	}
	metric.CheckChoice("statistic", statistics...)
	queries := metric.Items("metrics")
	if len(queries) == 0 {
		return
	}
	for _, name := range []string{"metricName", "namespace", "statistic", "unit", "metricDimensions"} {
		if metric.Has(name) {
			metric.Fail(name, "ValidationError: cannot be set together with metrics")
		}
	}
	checkMetricQueries(metric, "metrics", "metricStat", true)
}
