package emulator

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const scalingPolicyType = "aws:autoscaling/policy:Policy"

func init() {
	define(scalingPolicyKind)
}

// Ids carry the group's name, as those of hooks do. Policies never scale anything here: nothing publishes what they track.
var scalingPolicyKind = &kind{
	typ:      scalingPolicyType,
	missing:  "ValidationError: No scaling policy found with name %s",
	autoName: 255,
	defaults: map[string]any{"enabled": true},
	refuse: []string{"adjustmentType", "cooldown", "metricAggregationType", "minAdjustmentMagnitude", "predictiveScalingConfiguration",
		"scalingAdjustment", "stepAdjustments"},
	oneOf: [][]string{{"policyType"}, {"targetTrackingConfiguration"}},
	refs:  []ref{{path: "autoscalingGroupName", to: []string{groupType}, when: fades}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.only("policyType", "TargetTrackingScaling")
		l.number("estimatedInstanceWarmup", 0, 86400)
		checkTracking(l.under("targetTrackingConfiguration"))
		return l.failures()
	},
	create: func(c *call) error {
		group := c.rec.str("autoscalingGroupName")
		c.rec.ID = group + "/" + c.rec.str("name")
		if c.find(c.rec.ID, scalingPolicyType) != nil {
			return refused("AlreadyExists: the scaling policy %s already exists", c.rec.ID) // PutScalingPolicy would overwrite it silently
		}
		c.rec.Outputs["arn"] = fmt.Sprintf("arn:aws:autoscaling:%s:%s:scalingPolicy:%s:autoScalingGroupName/%s:policyName/%s",
			c.region, c.account, c.newID("policy"), group, c.rec.str("name"))
		return nil
	},
}

func checkTracking(l *look) {
	l.noRules("predefinedMetricSpecification")
	if n, ok := l.in["targetValue"].(float64); ok && n <= 0 {
		l.bad("targetValue", "must be over 0, is %v", n)
	}
	metric := l.under("customizedMetricSpecification")
	if len(metric.in) == 0 {
		return
	}
	metric.choice("statistic", statistics...)
	queries := metric.each("metrics")
	if len(queries) == 0 {
		return
	}
	for _, name := range []string{"metricName", "namespace", "statistic", "unit", "metricDimensions"} {
		if metric.has(name) {
			metric.bad(name, "ValidationError: cannot be given together with metrics")
		}
	}
	checkQueries(metric, "metrics", "metricStat", true)
}

var (
	statistics = []string{"Average", "Minimum", "Maximum", "SampleCount", "Sum"}
	queryID    = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)
)

// checkQueries holds metric math to its rules: ids that can be told apart, each a metric or an expression, and one result.
// Terraform fills in an absent returnData, not always alike.
func checkQueries(l *look, name, metric string, returned bool) {
	results, ids := 0, map[string]bool{}
	for _, q := range l.each(name) {
		id := q.str("id")
		q.pattern("id", queryID)
		if id != "" && ids[id] {
			q.bad("id", "ValidationError: The id %q is used more than once", id)
		}
		ids[id] = true
		if q.has("expression") && q.has(metric) {
			q.bad("expression", "ValidationError: expression and %s cannot be given together", metric)
		}
		if flag(q.in["returnData"]) || returned && !q.has("returnData") {
			results++
		}
	}
	if results != 1 {
		l.bad(name, "ValidationError: exactly one query must have returnData true, %d have", results)
	}
}
