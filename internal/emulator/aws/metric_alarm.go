package aws

import (
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

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
	l := cloud.ReadInputs(m)
	l.CheckSupported("comparisonOperator", alarmOperators...)
	l.CheckChoice("treatMissingData", "missing", "ignore", "breaching", "notBreaching")
	l.CheckChoice("statistic", statistics...)
	l.CheckPattern("extendedStatistic", regexp.MustCompile(`^(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?$`))
	l.CheckRange("evaluationPeriods", 1, 86400)
	if n, ok := l.Values["datapointsToAlarm"].(float64); ok && (n < 1 || n > float64(cloud.Number(l.Values["evaluationPeriods"]))) && l.Has("evaluationPeriods") {
		l.Fail("datapointsToAlarm", "ValidationError: must be between 1 and evaluationPeriods, is %v", n)
	}
	if len(cloud.GivenInputs(m, []string{"threshold"})) == 0 {
		l.Fail("threshold", "ValidationError: must be given")
	}
	checkPeriod(l, "period", cloud.Number(l.Values["evaluationPeriods"]))
	if len(cloud.GivenInputs(m, []string{"metricName"})) > 0 {
		for _, names := range [][]string{{"namespace"}, {"period"}, {"statistic", "extendedStatistic"}} {
			if len(cloud.GivenInputs(m, names)) == 0 {
				l.Fail(names[0], "ValidationError: must be given with metricName")
			}
		}
	}
	if len(l.Items("metricQueries")) > 0 {
		checkMetricQueries(l, "metricQueries", "metric", false)
		checkMath(l, "metricQueries")
		for _, q := range l.Items("metricQueries") {
			checkPeriod(q.Nested("metric"), "period", cloud.Number(l.Values["evaluationPeriods"]))
		}
	}
	return slices.Concat(l.Failures(), checkAlarmActions(l))
}

// checkPeriod: 10, 30 or whole minutes, and no more than a day in all, or a week with periods of an hour and more.
func checkPeriod(l *cloud.Inputs, name string, times int) {
	n, ok := l.Values[name].(float64)
	if !ok {
		return
	}
	period := int(n)
	if period != 10 && period != 30 && (period < 60 || period%60 != 0) {
		l.Fail(name, "ValidationError: must be 10, 30 or a multiple of 60, is %d", period)
	}
	longest := 86400
	if period >= 3600 {
		longest *= 7
	}
	if period*times > longest {
		l.Fail(name, "ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= %d, is %d)", longest, period*times)
	}
}

// assignAlarmName makes an alarm's name its id. Metric alarms and composite ones share their names; the API would overwrite silently.
func assignAlarmName(c *cloud.Call, property string) error {
	name := c.New.Text(property)
	if other := c.Find(name, MetricAlarmType, CompositeAlarmType); other != nil {
		return cloud.Refuse("ValidationError: the alarm %s already exists", name)
	}
	c.New.ID = name
	return nil
}
