package aws

import (
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// MetricAlarmType is the Pulumi type token of a CloudWatch alarm on a metric.
const MetricAlarmType = "aws:cloudwatch/metricAlarm:MetricAlarm"

const alarmARN = "arn:aws:cloudwatch:%s:%s:alarm:%s"

var metricAlarmKind = &cloud.Kind{
	Type: MetricAlarmType, ARN: alarmARN,
	Missing:        "ResourceNotFound: the alarm %s does not exist",
	AutoNameLength: 255,
	Defaults:       map[string]any{"actionsEnabled": true, "treatMissingData": "missing"},
	Sets:           []string{"metricQueries"},
	ExactlyOne:     [][]string{{"metricName", "metricQueries"}},
	AtMostOne: [][]string{{"statistic", "extendedStatistic"}, {"threshold", "thresholdMetricId"}, {"metricQueries", "namespace"},
		{"metricQueries", "period"}, {"metricQueries", "statistic"}, {"metricQueries", "dimensions"}},
	Unsupported: []string{"evaluateLowSampleCountPercentiles", "thresholdMetricId"},
	Check:       checkAlarm,
	Create: func(c *cloud.Call) error {
		if err := assignAlarmName(c, "name"); err != nil {
			return err
		}
		return checkActionsExist(c)
	},
	Update: checkActionsExist,
	Delete: checkNotInComposite,
}

var alarmOperators = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}

func checkAlarm(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckSupported("comparisonOperator", alarmOperators...)
	in.CheckChoice("treatMissingData", "missing", "ignore", "breaching", "notBreaching")
	in.CheckChoice("statistic", statistics...)
	in.CheckPattern("extendedStatistic", regexp.MustCompile(`^(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?$`))
	in.CheckRange("evaluationPeriods", 1, 86400)
	if n, ok := in.Values["datapointsToAlarm"].(float64); ok && (n < 1 || n > float64(cloud.Number(in.Values["evaluationPeriods"]))) &&
		in.Has("evaluationPeriods") {
		in.Fail("datapointsToAlarm", "ValidationError: must be between 1 and evaluationPeriods, is %v", n)
	}
	if len(cloud.GivenInputs(m, []string{"threshold"})) == 0 {
		in.Fail("threshold", "ValidationError: must be set")
	}
	checkPeriod(in, "period", cloud.Number(in.Values["evaluationPeriods"]))
	if len(cloud.GivenInputs(m, []string{"metricName"})) > 0 {
		for _, names := range [][]string{{"namespace"}, {"period"}, {"statistic", "extendedStatistic"}} {
			if len(cloud.GivenInputs(m, names)) == 0 {
				in.Fail(names[0], "ValidationError: must be set with metricName")
			}
		}
	}
	if len(in.Items("metricQueries")) > 0 {
		checkMetricQueries(in, "metricQueries", "metric", false)
		checkMath(in, "metricQueries")
		for _, q := range in.Items("metricQueries") {
			checkPeriod(q.Nested("metric"), "period", cloud.Number(in.Values["evaluationPeriods"]))
		}
	}
	return slices.Concat(in.Failures(), checkAlarmActions(in))
}

// checkPeriod requires 10 s, 30 s or whole minutes, and at most a day in all, or a week for periods of an hour and more.
func checkPeriod(in *cloud.Inputs, name string, times int) {
	n, ok := in.Values[name].(float64)
	if !ok {
		return
	}
	period := int(n)
	if period != 10 && period != 30 && (period < 60 || period%60 != 0) {
		in.Fail(name, "ValidationError: must be 10, 30 or a multiple of 60, is %d", period)
	}
	longest := 86400
	if period >= 3600 {
		longest *= 7
	}
	if period*times > longest {
		in.Fail(name, "ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= %d, is %d)",
			longest, period*times)
	}
}

// assignAlarmName sets the id to the name. Metric and composite alarms share one set of names; the API would overwrite silently.
func assignAlarmName(c *cloud.Call, property string) error {
	name := c.New.Text(property)
	if other := c.Find(name, MetricAlarmType, CompositeAlarmType); other != nil {
		return cloud.Refuse("ValidationError: the alarm %s already exists", name)
	}
	c.New.ID = name
	return nil
}
