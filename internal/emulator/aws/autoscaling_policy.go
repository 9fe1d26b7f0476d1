package aws

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

const ScalingPolicyType = "aws:autoscaling/policy:Policy"

// Ids carry the group's name, as those of hooks do. Policies never scale anything here: nothing publishes what they track.
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
		l := cloud.ReadInputs(m)
		l.CheckSupported("policyType", "TargetTrackingScaling")
		l.CheckRange("estimatedInstanceWarmup", 0, 86400)
		checkTracking(l.Nested("targetTrackingConfiguration"))
		return l.Failures()
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

func checkTracking(l *cloud.Inputs) {
	l.RefuseUnsupported("predefinedMetricSpecification")
	if n, ok := l.Values["targetValue"].(float64); ok && n <= 0 {
		l.Fail("targetValue", "must be over 0, is %v", n)
	}
	metric := l.Nested("customizedMetricSpecification")
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
			metric.Fail(name, "ValidationError: cannot be given together with metrics")
		}
	}
	checkMetricQueries(metric, "metrics", "metricStat", true)
}
