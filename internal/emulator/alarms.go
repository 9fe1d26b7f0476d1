package emulator

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	MetricAlarmType    = "aws:cloudwatch/metricAlarm:MetricAlarm"
	CompositeAlarmType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
)

const alarmARN = "arn:aws:cloudwatch:%s:%s:alarm:%s"

var metricAlarmKind = &Kind{
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
	Create: func(c *Call) error {
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
	l := ReadInputs(m)
	l.CheckSupported("comparisonOperator", alarmOperators...)
	l.CheckChoice("treatMissingData", "missing", "ignore", "breaching", "notBreaching")
	l.CheckChoice("statistic", statistics...)
	l.CheckPattern("extendedStatistic", regexp.MustCompile(`^(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?$`))
	l.CheckRange("evaluationPeriods", 1, 86400)
	if n, ok := l.Values["datapointsToAlarm"].(float64); ok && (n < 1 || n > float64(Number(l.Values["evaluationPeriods"]))) && l.Has("evaluationPeriods") {
		l.Fail("datapointsToAlarm", "ValidationError: must be between 1 and evaluationPeriods, is %v", n)
	}
	if len(GivenInputs(m, []string{"threshold"})) == 0 {
		l.Fail("threshold", "ValidationError: must be given")
	}
	checkPeriod(l, "period", Number(l.Values["evaluationPeriods"]))
	if len(GivenInputs(m, []string{"metricName"})) > 0 {
		for _, names := range [][]string{{"namespace"}, {"period"}, {"statistic", "extendedStatistic"}} {
			if len(GivenInputs(m, names)) == 0 {
				l.Fail(names[0], "ValidationError: must be given with metricName")
			}
		}
	}
	if len(l.Items("metricQueries")) > 0 {
		checkMetricQueries(l, "metricQueries", "metric", false)
		checkMath(l, "metricQueries")
		for _, q := range l.Items("metricQueries") {
			checkPeriod(q.Nested("metric"), "period", Number(l.Values["evaluationPeriods"]))
		}
	}
	return slices.Concat(l.Failures(), checkAlarmActions(l))
}

// mathSize is how many metrics, and how many expressions, an alarm's metric math may have.
const mathSize = 10

// Ids of other queries in an expression begin with a small letter; functions and operators do not. What is in quotes is text.
var (
	mathID   = regexp.MustCompile(`\b[a-z]\w*`)
	mathText = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// checkMath refuses too many queries, one that is neither a metric nor an expression, and an expression about ids that are not there.
func checkMath(l *Inputs, name string) {
	metrics, expressions, ids := 0, 0, map[string]bool{}
	for _, q := range l.Items(name) {
		ids[q.Text("id")] = true
		switch {
		case q.Has("metric"):
			metrics++
		case q.Has("expression"):
			expressions++
		default:
			q.Fail("metric", "ValidationError: either metric or expression must be given")
		}
	}
	if metrics > mathSize || expressions > mathSize {
		l.Fail(name, "ValidationError: at most %d metrics and %d expressions may be given, there are %d and %d", mathSize, mathSize, metrics, expressions)
	}
	for _, q := range l.Items(name) {
		for _, id := range mathID.FindAllString(mathText.ReplaceAllString(q.Text("expression"), ""), -1) {
			if !ids[id] {
				q.Fail("expression", "ValidationError: Error in expression %q: undefined variable %s", q.Text("id"), id)
			}
		}
	}
}

// checkPeriod: 10, 30 or whole minutes, and no more than a day in all, or a week with periods of an hour and more.
func checkPeriod(l *Inputs, name string, times int) {
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

var actionLists = []string{"alarmActions", "okActions", "insufficientDataActions"}

func checkAlarmActions(l *Inputs) []catalog.Failure {
	l = l.Fresh()
	for _, name := range actionLists {
		actions := Texts(l.Values[name])
		if len(actions) > 5 {
			l.Fail(name, "ValidationError: at most 5 actions may be given, there are %d", len(actions))
		}
		for _, a := range actions {
			if !strings.HasPrefix(a, "arn:aws:") {
				l.Fail(name, "ValidationError: Invalid arn syntax: %s", a)
			}
		}
	}
	return l.Failures()
}

// assignAlarmName makes an alarm's name its id. Metric alarms and composite ones share their names; the API would overwrite silently.
func assignAlarmName(c *Call, property string) error {
	name := c.New.Text(property)
	if other := c.Find(name, MetricAlarmType, CompositeAlarmType); other != nil {
		return Refuse("ValidationError: the alarm %s already exists", name)
	}
	c.New.ID = name
	return nil
}

// checkActionsExist refuses actions that lead nowhere. CloudWatch finds out only when the alarm goes off: too late.
func checkActionsExist(c *Call) error {
	for _, property := range actionLists {
		if !c.HasChanged(property) {
			continue
		}
		for _, arn := range c.New.Texts(property) {
			known, found := findAction(c, arn)
			if !known {
				return Refuse("%s: the emulator has no rules for the action %s", property, arn)
			}
			if !found {
				return Refuse("ValidationError: %s: the action %s does not exist", property, arn)
			}
		}
	}
	return nil
}

// findAction says whether there are rules for an alarm's action, and whether it exists.
func findAction(c *Call, arn string) (known, found bool) {
	switch {
	case strings.HasPrefix(arn, "arn:aws:sns:"):
		return true, c.Find(arn, TopicType) != nil
	case strings.HasPrefix(arn, "arn:aws:autoscaling:"):
		return true, slices.ContainsFunc(c.ListHere(ScalingPolicyType), func(r *Record) bool { return r.Text("arn") == arn })
	}
	return false, false
}

// checkNotInComposite refuses to delete an alarm while another one's rule names it.
func checkNotInComposite(c *Call) error {
	var users []string
	for _, other := range c.ListHere(CompositeAlarmType) {
		rule, err := parseRule(other.Text("alarmRule"))
		if err == nil && other.ID != c.Old.ID && slices.Contains(rule, c.Old.ID) {
			users = append(users, other.ID)
		}
	}
	if len(users) > 0 {
		return RefuseInUse("ValidationError: Cannot delete %s as there are composite alarm(s) depending on it. (used by %s)", c.Old.ID, strings.Join(users, ", "))
	}
	return nil
}

var compositeAlarmKind = &Kind{
	Type: CompositeAlarmType, ARN: alarmARN,
	Missing:     metricAlarmKind.Missing,
	Defaults:    map[string]any{"actionsEnabled": true},
	Unsupported: []string{"actionsSuppressor"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		if rule, known := l.Values["alarmRule"].(string); known {
			if _, err := parseRule(rule); err != nil {
				l.Fail("alarmRule", "ValidationError: AlarmRule: %v", err)
			}
		}
		return slices.Concat(l.Failures(), checkAlarmActions(l))
	},
	Create: func(c *Call) error {
		if err := assignAlarmName(c, "alarmName"); err != nil {
			return err
		}
		return checkRuleAlarms(c)
	},
	Update: checkRuleAlarms,
	Delete: checkNotInComposite,
}

// checkRuleAlarms refuses a rule about alarms that are not there, and one about the alarm itself.
func checkRuleAlarms(c *Call) error {
	names, err := parseRule(c.New.Text("alarmRule"))
	if err != nil {
		return Refuse("ValidationError: AlarmRule: %v", err)
	}
	for _, name := range names {
		if name == c.New.ID || c.Find(name, MetricAlarmType, CompositeAlarmType) == nil {
			return Refuse("ValidationError: AlarmRule: the alarm %s does not exist, or is this one", name)
		}
	}
	return checkActionsExist(c)
}
