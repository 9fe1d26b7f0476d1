package emulator

import (
	"slices"
	"strings"
	"testing"
)

func alarm(more props) props {
	p := props{"name": "a", "comparisonOperator": "LessThanThreshold", "evaluationPeriods": 3, "threshold": 1, "period": 60,
		"metricName": "TunnelState", "namespace": "AWS/VPN", "statistic": "Maximum"}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func TestAlarmRefusals(t *testing.T) {
	d := open(t)
	query := func(more props) props {
		q := props{"id": "m", "returnData": true, "metric": props{"metricName": "x", "namespace": "y", "period": 60, "stat": "Sum"}}
		for name, v := range more {
			q[name] = v
		}
		return alarm(props{"metricName": nil, "namespace": nil, "period": nil, "statistic": nil, "metricQueries": []any{q}})
	}
	for want, p := range map[string]props{
		"comparisonOperator":                            alarm(props{"comparisonOperator": "About"}),
		"treatMissingData":                              alarm(props{"treatMissingData": "panic"}),
		"period: ValidationError: must be 10, 30 or":    alarm(props{"period": 61}),
		"across more than a day":                        alarm(props{"period": 600, "evaluationPeriods": 150}),
		"between 1 and evaluationPeriods":               alarm(props{"datapointsToAlarm": 4}),
		"threshold: ValidationError: must be given":     alarm(props{"threshold": nil}),
		"namespace: ValidationError: must be given":     alarm(props{"namespace": nil}),
		"statistic: ValidationError: must be given":     alarm(props{"statistic": nil}),
		"exactly one of metricName, metricQueries":      alarm(props{"metricName": nil}),
		"extendedStatistic":                             alarm(props{"statistic": nil, "extendedStatistic": "most"}),
		"Invalid arn syntax: nobody":                    alarm(props{"alarmActions": []any{"nobody"}}),
		"sns:us-west-1:123456789012:none does not":      alarm(props{"okActions": []any{"arn:aws:sns:us-west-1:123456789012:none"}}),
		"no rules for the action arn:aws:lambda":        alarm(props{"okActions": []any{"arn:aws:lambda:us-west-1:1:function:f"}}),
		"at most 5 actions":                             alarm(props{"alarmActions": []any{"arn:aws:1", "arn:aws:2", "arn:aws:3", "arn:aws:4", "arn:aws:5", "arn:aws:6"}}),
		"exactly one query must have returnData true":   query(props{"returnData": false}),
		"expression and metric cannot be given":         query(props{"expression": "m"}),
		"metricQueries[0].id":                           query(props{"id": "M"}),
		"metricQueries[0].metric.period":                query(props{"metric": props{"metricName": "x", "period": 7, "stat": "Sum"}}),
		"thresholdMetricId: the emulator has no rules":  alarm(props{"thresholdMetricId": "m"}),
		"metricQueries and namespace cannot be given t": alarm(props{"metricName": nil, "metricQueries": []any{}, "namespace": "x"}),
	} {
		if strings.HasPrefix(want, "metricQueries and") {
			p = query(nil)
			p["namespace"] = "x"
		}
		d.refusesToMake(MetricAlarmType, p, want)
	}
	d.make(MetricAlarmType, "math", query(nil))
	d.refusesToMake(MetricAlarmType, alarm(nil), "the alarm a already exists")
}

// Metric math reads metrics by the ids of their queries, so many and no more.
func TestAlarmMath(t *testing.T) {
	d := open(t)
	math := func(expression string, ids ...string) props {
		queries := []any{props{"id": "result", "expression": expression, "returnData": true}}
		for _, id := range ids {
			queries = append(queries, props{"id": id, "metric": props{"metricName": "TunnelState", "namespace": "AWS/VPN", "period": 60, "stat": "Maximum"}})
		}
		return alarm(props{"metricName": nil, "namespace": nil, "period": nil, "statistic": nil, "metricQueries": queries})
	}
	many := []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10"}
	nothing := math("MAX([m0])", "m0")
	nothing["metricQueries"] = append(nothing["metricQueries"].([]any), props{"id": "m1"})
	for want, p := range map[string]props{
		"undefined variable m2":                 math("MAX([m0,m2])", "m0", "m1"),
		"at most 10 metrics and 10 expressions": math("MAX(METRICS())", many...),
		"either metric or expression":           nothing,
	} {
		d.refusesToMake(MetricAlarmType, p, want)
	}
	made := d.make(MetricAlarmType, "math", math("MAX([m0,m1])", "m0", "m1"))
	made.update(math(`IF(m0 < 1 AND "m7" != 'm8', FILL(m0, 0), 2e3)`, "m0"))
	made.delete()
}

func TestCompositeAlarms(t *testing.T) {
	d := open(t)
	one := d.make(MetricAlarmType, "one", alarm(nil))
	with := func(name, rule string) props { return props{"alarmName": name, "alarmRule": rule} }
	d.refusesToMake(CompositeAlarmType, with("c", "ALARM(a) AND"), "AlarmRule")
	d.refusesToMake(CompositeAlarmType, with("c", "ALARM(none)"), "the alarm none does not exist")
	d.refusesToMake(CompositeAlarmType, with("c", "ALARM(c)"), "the alarm c does not exist, or is this one")
	d.refusesToMake(CompositeAlarmType, with("a", "TRUE"), "the alarm a already exists")
	c := d.make(CompositeAlarmType, "c", with("c", "ALARM(a) OR FALSE"))
	refuses(t, one.tryDelete(), "composite alarm(s) depending on it", "used by c")
	refuses(t, c.tryUpdate(with("c", "OK(none)")), "the alarm none does not exist")
	c.update(with("c", "TRUE"))
	one.delete()
	c.delete()
}

func TestAlarmRules(t *testing.T) {
	for rule, want := range map[string][]string{
		`ALARM(a)`:                                      {"a"},
		`ALARM("a b") AND OK("c (d)")`:                  {"a b", "c (d)"},
		`NOT (ALARM(a) OR INSUFFICIENT_DATA( b ))`:      {"a", "b"},
		`ALARM(arn:aws:cloudwatch:us-west-1:1:alarm:a)`: {"a"},
		"TRUE\nAND NOT FALSE":                           nil,
	} {
		if got, err := parseRule(rule); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", rule, got, err, want)
		}
	}
	for _, rule := range []string{"", "a", "ALARM", "ALARM(", "ALARM()", `ALARM("a)`, `ALARM("a"`, "ALARM(a) ALARM(b)", "(ALARM(a)", "ALARM(a))", "NOT", "alarm(a)",
		strings.Repeat("(", 200), strings.Repeat("NOT ", 200), strings.Repeat("x", 10241)} {
		if _, err := parseRule(rule); err == nil {
			t.Errorf("%.40q was accepted", rule)
		}
	}
}

func TestDashboards(t *testing.T) {
	d := open(t)
	with := func(body string) props { return props{"dashboardName": "region", "dashboardBody": body} }
	widget := func(s string) props { return with(`{"widgets":[` + s + `]}`) }
	d.refusesToMake(DashboardType, with("no"), "The dashboard body is invalid")
	d.refusesToMake(DashboardType, widget(`{"type":"film","properties":{"a":1}}`), `unknown type "film"`)
	d.refusesToMake(DashboardType, widget(`{"type":"text"}`), "properties are missing")
	d.refusesToMake(DashboardType, widget(`{"type":"text","x":13,"width":12,"properties":{"markdown":"x"}}`), "off the grid")
	d.refusesToMake(DashboardType, widget(`{"type":"text","width":25,"properties":{"markdown":"x"}}`), "off the grid")
	d.refusesToMake(DashboardType, props{"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName")
	b := d.make(DashboardType, "b", with(oneBoard))
	d.refusesToMake(DashboardType, with(oneBoard), "already exists")
	if b.out("dashboardArn") != "arn:aws:cloudwatch::123456789012:dashboard/region" {
		t.Error(b.out("dashboardArn"))
	}
	b.update(with("{}"))
}

func TestMetricFilters(t *testing.T) {
	d := open(t)
	logs := d.make(LogGroupType, "logs", props{"name": "ci"})
	with := func(more props) props {
		m := props{"name": "errors", "namespace": "Beachhead", "value": "1"}
		for name, v := range more {
			m[name] = v
		}
		return props{"name": "errors", "logGroupName": "ci", "pattern": "ERROR", "metricTransformation": m}
	}
	d.refusesToMake(LogMetricFilterType, with(props{"name": "a:b"}), "metricTransformation.name")
	d.refusesToMake(LogMetricFilterType, with(props{"defaultValue": "0", "dimensions": props{"a": "$.b"}}), "together with dimensions")
	f := d.make(LogMetricFilterType, "f", with(nil))
	d.refusesToMake(LogMetricFilterType, with(nil), "already exists")
	if f.id != "ci:errors" {
		t.Errorf("id %s", f.id)
	}
	logs.delete()
	if r := d.read(LogMetricFilterType, "f", f.id, f.inputs); r.id != "" {
		t.Error("the filter outlives its group")
	}
}

func TestTopics(t *testing.T) {
	d := open(t)
	d.refusesToMake(TopicType, props{"name": "a b"}, "name")
	d.refusesToMake(TopicType, props{"fifoTopic": true}, "fifoTopic: the emulator has no rules")
	d.refusesToMake(TopicType, props{"kmsMasterKeyId": "none"}, "Key 'none' does not exist")
	topic := d.make(TopicType, "t", props{"name": "ci", "kmsMasterKeyId": "alias/aws/sns"})
	if topic.id != "arn:aws:sns:us-west-1:123456789012:ci" || topic.out("arn") != topic.id {
		t.Errorf("%s, %v", topic.id, topic.out("arn"))
	}
	d.refusesToMake(TopicType, props{"name": "ci"}, "Topic already exists")
	d.refusesToMake(TopicPolicyType, props{"arn": "arn:aws:sns:us-west-1:123456789012:none", "policy": anything}, "Topic does not exist")
	policy := d.make(TopicPolicyType, "p", props{"arn": topic.id, "policy": anything})
	d.refusesToMake(TopicPolicyType, props{"arn": topic.id, "policy": anything}, "has a policy already")
	for want, p := range map[string]props{
		"rules for email, https only":     {"protocol": "sms", "endpoint": "+1"},
		"Email address":                   {"protocol": "email", "endpoint": "nobody"},
		"does not support raw message":    {"protocol": "email", "endpoint": "a@example.com", "rawMessageDelivery": true},
		"match the specified protocol":    {"protocol": "https", "endpoint": "http://example.com"},
		"filterPolicy: the emulator has ": {"protocol": "https", "endpoint": "https://example.com", "filterPolicy": "{}"},
	} {
		p["topic"] = topic.id
		d.refusesToMake(TopicSubscriptionType, p, want)
	}
	hook := props{"topic": topic.id, "protocol": "https", "endpoint": "https://example.com/hook"}
	s := d.make(TopicSubscriptionType, "s", hook)
	if s.out("pendingConfirmation") != true || !strings.HasPrefix(s.id, topic.id+":") {
		t.Errorf("%s, pending %v", s.id, s.out("pendingConfirmation"))
	}
	d.refusesToMake(TopicSubscriptionType, hook, "Subscription already exists")
	topic.delete() // with its policy and subscriptions
	for _, r := range []*thing{policy, s} {
		if again := d.read(r.typ, r.name, r.id, r.inputs); again.id != "" {
			t.Errorf("%s outlives its topic", r.id)
		}
	}
}
