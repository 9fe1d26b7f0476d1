package emulator

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	metricAlarmType    = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeAlarmType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
)

func init() {
	define(metricAlarmKind, compositeAlarmKind)
}

const alarmARN = "arn:aws:cloudwatch:%s:%s:alarm:%s"

var metricAlarmKind = &kind{
	typ: metricAlarmType, arn: alarmARN,
	missing:  "ResourceNotFound: the alarm %s does not exist",
	autoName: 255,
	defaults: map[string]any{"actionsEnabled": true, "treatMissingData": "missing"},
	sets:     []string{"metricQueries"},
	oneOf:    [][]string{{"metricName", "metricQueries"}},
	notBoth: [][]string{{"statistic", "extendedStatistic"}, {"threshold", "thresholdMetricId"}, {"metricQueries", "namespace"},
		{"metricQueries", "period"}, {"metricQueries", "statistic"}, {"metricQueries", "dimensions"}},
	refuse: []string{"evaluateLowSampleCountPercentiles", "thresholdMetricId"},
	check:  checkAlarm,
	create: func(c *call) error {
		if err := c.nameAlarm("name"); err != nil {
			return err
		}
		return c.checkActions()
	},
	update: (*call).checkActions,
	remove: (*call).checkComposites,
}

var alarmOperators = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}

func checkAlarm(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.only("comparisonOperator", alarmOperators...)
	l.choice("treatMissingData", "missing", "ignore", "breaching", "notBreaching")
	l.choice("statistic", statistics...)
	l.pattern("extendedStatistic", regexp.MustCompile(`^(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?$`))
	l.number("evaluationPeriods", 1, 86400)
	if n, ok := l.in["datapointsToAlarm"].(float64); ok && (n < 1 || n > float64(num(l.in["evaluationPeriods"]))) && l.has("evaluationPeriods") {
		l.bad("datapointsToAlarm", "ValidationError: must be between 1 and evaluationPeriods, is %v", n)
	}
	if len(given(m, []string{"threshold"})) == 0 {
		l.bad("threshold", "ValidationError: must be given")
	}
	checkPeriod(l, "period", num(l.in["evaluationPeriods"]))
	if len(given(m, []string{"metricName"})) > 0 {
		for _, names := range [][]string{{"namespace"}, {"period"}, {"statistic", "extendedStatistic"}} {
			if len(given(m, names)) == 0 {
				l.bad(names[0], "ValidationError: must be given with metricName")
			}
		}
	}
	if len(l.each("metricQueries")) > 0 {
		checkQueries(l, "metricQueries", "metric", false)
		checkMath(l, "metricQueries")
		for _, q := range l.each("metricQueries") {
			checkPeriod(q.under("metric"), "period", num(l.in["evaluationPeriods"]))
		}
	}
	return slices.Concat(l.failures(), checkAlarmActions(l))
}

// mathSize is how many metrics, and how many expressions, an alarm's metric math may have.
const mathSize = 10

// Ids of other queries in an expression begin with a small letter; functions and operators do not. What is in quotes is text.
var (
	mathID   = regexp.MustCompile(`\b[a-z]\w*`)
	mathText = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// checkMath refuses too many queries, one that is neither a metric nor an expression, and an expression about ids that are not there.
func checkMath(l *look, name string) {
	metrics, expressions, ids := 0, 0, map[string]bool{}
	for _, q := range l.each(name) {
		ids[q.str("id")] = true
		switch {
		case q.has("metric"):
			metrics++
		case q.has("expression"):
			expressions++
		default:
			q.bad("metric", "ValidationError: either metric or expression must be given")
		}
	}
	if metrics > mathSize || expressions > mathSize {
		l.bad(name, "ValidationError: at most %d metrics and %d expressions may be given, there are %d and %d", mathSize, mathSize, metrics, expressions)
	}
	for _, q := range l.each(name) {
		for _, id := range mathID.FindAllString(mathText.ReplaceAllString(q.str("expression"), ""), -1) {
			if !ids[id] {
				q.bad("expression", "ValidationError: Error in expression %q: undefined variable %s", q.str("id"), id)
			}
		}
	}
}

// checkPeriod: 10, 30 or whole minutes, and no more than a day in all, or a week with periods of an hour and more.
func checkPeriod(l *look, name string, times int) {
	n, ok := l.in[name].(float64)
	if !ok {
		return
	}
	period := int(n)
	if period != 10 && period != 30 && (period < 60 || period%60 != 0) {
		l.bad(name, "ValidationError: must be 10, 30 or a multiple of 60, is %d", period)
	}
	longest := 86400
	if period >= 3600 {
		longest *= 7
	}
	if period*times > longest {
		l.bad(name, "ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= %d, is %d)", longest, period*times)
	}
}

var actionLists = []string{"alarmActions", "okActions", "insufficientDataActions"}

func checkAlarmActions(l *look) []catalog.Failure {
	l = &look{in: l.in, at: l.at, found: &[]catalog.Failure{}}
	for _, name := range actionLists {
		actions := strs(l.in[name])
		if len(actions) > 5 {
			l.bad(name, "ValidationError: at most 5 actions may be given, there are %d", len(actions))
		}
		for _, a := range actions {
			if !strings.HasPrefix(a, "arn:aws:") {
				l.bad(name, "ValidationError: Invalid arn syntax: %s", a)
			}
		}
	}
	return l.failures()
}

// nameAlarm makes an alarm's name its id. Metric alarms and composite ones share their names; the API would overwrite silently.
func (c *call) nameAlarm(property string) error {
	name := c.rec.str(property)
	if other := c.find(name, metricAlarmType, compositeAlarmType); other != nil {
		return refused("ValidationError: the alarm %s already exists", name)
	}
	c.rec.ID = name
	return nil
}

// checkActions refuses actions that lead nowhere. CloudWatch finds out only when the alarm goes off: too late.
func (c *call) checkActions() error {
	for _, property := range actionLists {
		if !c.changed(property) {
			continue
		}
		for _, arn := range c.rec.strs(property) {
			known, found := c.action(arn)
			if !known {
				return refused("%s: the emulator has no rules for the action %s", property, arn)
			}
			if !found {
				return refused("ValidationError: %s: the action %s does not exist", property, arn)
			}
		}
	}
	return nil
}

// action says whether there are rules for an alarm's action, and whether it exists.
func (c *call) action(arn string) (known, found bool) {
	switch {
	case strings.HasPrefix(arn, "arn:aws:sns:"):
		return true, c.find(arn, topicType) != nil
	case strings.HasPrefix(arn, "arn:aws:autoscaling:"):
		return true, slices.ContainsFunc(c.here(scalingPolicyType), func(r *record) bool { return r.str("arn") == arn })
	}
	return false, false
}

// checkComposites refuses to delete an alarm while another one's rule names it.
func (c *call) checkComposites() error {
	var users []string
	for _, other := range c.here(compositeAlarmType) {
		rule, err := parseRule(other.str("alarmRule"))
		if err == nil && other.ID != c.old.ID && slices.Contains(rule, c.old.ID) {
			users = append(users, other.ID)
		}
	}
	if len(users) > 0 {
		return inUse("ValidationError: Cannot delete %s as there are composite alarm(s) depending on it. (used by %s)", c.old.ID, strings.Join(users, ", "))
	}
	return nil
}

var compositeAlarmKind = &kind{
	typ: compositeAlarmType, arn: alarmARN,
	missing:  metricAlarmKind.missing,
	defaults: map[string]any{"actionsEnabled": true},
	refuse:   []string{"actionsSuppressor"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		if rule, known := l.in["alarmRule"].(string); known {
			if _, err := parseRule(rule); err != nil {
				l.bad("alarmRule", "ValidationError: AlarmRule: %v", err)
			}
		}
		return slices.Concat(l.failures(), checkAlarmActions(l))
	},
	create: func(c *call) error {
		if err := c.nameAlarm("alarmName"); err != nil {
			return err
		}
		return c.checkNamedAlarms()
	},
	update: (*call).checkNamedAlarms,
	remove: (*call).checkComposites,
}

// checkNamedAlarms refuses a rule about alarms that are not there, and one about the alarm itself.
func (c *call) checkNamedAlarms() error {
	names, err := parseRule(c.rec.str("alarmRule"))
	if err != nil {
		return refused("ValidationError: AlarmRule: %v", err)
	}
	for _, name := range names {
		if name == c.rec.ID || c.find(name, metricAlarmType, compositeAlarmType) == nil {
			return refused("ValidationError: AlarmRule: the alarm %s does not exist, or is this one", name)
		}
	}
	return c.checkActions()
}
