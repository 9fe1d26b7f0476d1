package emulator

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const ScalingPolicyType = "aws:autoscaling/policy:Policy"

// Ids carry the group's name, as those of hooks do. Policies never scale anything here: nothing publishes what they track.
var scalingPolicyKind = &Kind{
	Type:           ScalingPolicyType,
	Missing:        "ValidationError: No scaling policy found with name %s",
	AutoNameLength: 255,
	Defaults:       map[string]any{"enabled": true},
	Unsupported: []string{"adjustmentType", "cooldown", "metricAggregationType", "minAdjustmentMagnitude", "predictiveScalingConfiguration",
		"scalingAdjustment", "stepAdjustments"},
	ExactlyOne: [][]string{{"policyType"}, {"targetTrackingConfiguration"}},
	References: []Reference{{Path: "autoscalingGroupName", To: []string{AutoScalingGroupType}, OnDelete: Cascade}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		l.CheckSupported("policyType", "TargetTrackingScaling")
		l.CheckRange("estimatedInstanceWarmup", 0, 86400)
		checkTracking(l.Nested("targetTrackingConfiguration"))
		return l.Failures()
	},
	Create: func(c *Call) error {
		group := c.New.Text("autoscalingGroupName")
		c.New.ID = group + "/" + c.New.Text("name")
		if c.Find(c.New.ID, ScalingPolicyType) != nil {
			return Refuse("AlreadyExists: the scaling policy %s already exists", c.New.ID) // PutScalingPolicy would overwrite it silently
		}
		c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:autoscaling:%s:%s:scalingPolicy:%s:autoScalingGroupName/%s:policyName/%s",
			c.Region, c.Account, c.NewID("policy"), group, c.New.Text("name"))
		return nil
	},
}

func checkTracking(l *Inputs) {
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

var (
	statistics = []string{"Average", "Minimum", "Maximum", "SampleCount", "Sum"}
	queryID    = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)
)

// checkMetricQueries holds metric math to its rules: ids that can be told apart, each a metric or an expression, and one result.
// Terraform fills in an absent returnData, not always alike.
func checkMetricQueries(l *Inputs, name, metric string, returned bool) {
	results, ids := 0, map[string]bool{}
	for _, q := range l.Items(name) {
		id := q.Text("id")
		q.CheckPattern("id", queryID)
		if id != "" && ids[id] {
			q.Fail("id", "ValidationError: The id %q is used more than once", id)
		}
		ids[id] = true
		if q.Has("expression") && q.Has(metric) {
			q.Fail("expression", "ValidationError: expression and %s cannot be given together", metric)
		}
		if Bool(q.Values["returnData"]) || returned && !q.Has("returnData") {
			results++
		}
	}
	if results != 1 {
		l.Fail(name, "ValidationError: exactly one query must have returnData true, %d have", results)
	}
}
