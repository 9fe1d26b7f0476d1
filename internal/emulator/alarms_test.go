package emulator

import (
	"slices"
	"strings"
	"testing"
)

func alarm(more Props) Props {
	p := Props{"name": "a", "comparisonOperator": "LessThanThreshold", "evaluationPeriods": 3, "threshold": 1, "period": 60,
		"metricName": "TunnelState", "namespace": "AWS/VPN", "statistic": "Maximum"}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func TestAlarmRefusals(t *testing.T) {
	d := Start(t)
	query := func(more Props) Props {
		q := Props{"id": "m", "returnData": true, "metric": Props{"metricName": "x", "namespace": "y", "period": 60, "stat": "Sum"}}
		for name, v := range more {
			q[name] = v
		}
		return alarm(Props{"metricName": nil, "namespace": nil, "period": nil, "statistic": nil, "metricQueries": []any{q}})
	}
	for want, p := range map[string]Props{
		"comparisonOperator":                            alarm(Props{"comparisonOperator": "About"}),
		"treatMissingData":                              alarm(Props{"treatMissingData": "panic"}),
		"period: ValidationError: must be 10, 30 or":    alarm(Props{"period": 61}),
		"across more than a day":                        alarm(Props{"period": 600, "evaluationPeriods": 150}),
		"between 1 and evaluationPeriods":               alarm(Props{"datapointsToAlarm": 4}),
		"threshold: ValidationError: must be given":     alarm(Props{"threshold": nil}),
		"namespace: ValidationError: must be given":     alarm(Props{"namespace": nil}),
		"statistic: ValidationError: must be given":     alarm(Props{"statistic": nil}),
		"exactly one of metricName, metricQueries":      alarm(Props{"metricName": nil}),
		"extendedStatistic":                             alarm(Props{"statistic": nil, "extendedStatistic": "most"}),
		"Invalid arn syntax: nobody":                    alarm(Props{"alarmActions": []any{"nobody"}}),
		"sns:us-west-1:123456789012:none does not":      alarm(Props{"okActions": []any{"arn:aws:sns:us-west-1:123456789012:none"}}),
		"no rules for the action arn:aws:lambda":        alarm(Props{"okActions": []any{"arn:aws:lambda:us-west-1:1:function:f"}}),
		"at most 5 actions":                             alarm(Props{"alarmActions": []any{"arn:aws:1", "arn:aws:2", "arn:aws:3", "arn:aws:4", "arn:aws:5", "arn:aws:6"}}),
		"exactly one query must have returnData true":   query(Props{"returnData": false}),
		"expression and metric cannot be given":         query(Props{"expression": "m"}),
		"metricQueries[0].id":                           query(Props{"id": "M"}),
		"metricQueries[0].metric.period":                query(Props{"metric": Props{"metricName": "x", "period": 7, "stat": "Sum"}}),
		"thresholdMetricId: the emulator has no rules":  alarm(Props{"thresholdMetricId": "m"}),
		"metricQueries and namespace cannot be given t": alarm(Props{"metricName": nil, "metricQueries": []any{}, "namespace": "x"}),
	} {
		if strings.HasPrefix(want, "metricQueries and") {
			p = query(nil)
			p["namespace"] = "x"
		}
		d.RequireCreateRefusal(MetricAlarmType, p, want)
	}
	d.Create(MetricAlarmType, "math", query(nil))
	d.RequireCreateRefusal(MetricAlarmType, alarm(nil), "the alarm a already exists")
}

// Metric math reads metrics by the ids of their queries, so many and no more.
func TestAlarmMath(t *testing.T) {
	d := Start(t)
	math := func(expression string, ids ...string) Props {
		queries := []any{Props{"id": "result", "expression": expression, "returnData": true}}
		for _, id := range ids {
			queries = append(queries, Props{"id": id, "metric": Props{"metricName": "TunnelState", "namespace": "AWS/VPN", "period": 60, "stat": "Maximum"}})
		}
		return alarm(Props{"metricName": nil, "namespace": nil, "period": nil, "statistic": nil, "metricQueries": queries})
	}
	many := []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10"}
	nothing := math("MAX([m0])", "m0")
	nothing["metricQueries"] = append(nothing["metricQueries"].([]any), Props{"id": "m1"})
	for want, p := range map[string]Props{
		"undefined variable m2":                 math("MAX([m0,m2])", "m0", "m1"),
		"at most 10 metrics and 10 expressions": math("MAX(METRICS())", many...),
		"either metric or expression":           nothing,
	} {
		d.RequireCreateRefusal(MetricAlarmType, p, want)
	}
	made := d.Create(MetricAlarmType, "math", math("MAX([m0,m1])", "m0", "m1"))
	made.Update(math(`IF(m0 < 1 AND "m7" != 'm8', FILL(m0, 0), 2e3)`, "m0"))
	made.Delete()
}

func TestCompositeAlarms(t *testing.T) {
	d := Start(t)
	one := d.Create(MetricAlarmType, "one", alarm(nil))
	with := func(name, rule string) Props { return Props{"alarmName": name, "alarmRule": rule} }
	d.RequireCreateRefusal(CompositeAlarmType, with("c", "ALARM(a) AND"), "AlarmRule")
	d.RequireCreateRefusal(CompositeAlarmType, with("c", "ALARM(none)"), "the alarm none does not exist")
	d.RequireCreateRefusal(CompositeAlarmType, with("c", "ALARM(c)"), "the alarm c does not exist, or is this one")
	d.RequireCreateRefusal(CompositeAlarmType, with("a", "TRUE"), "the alarm a already exists")
	c := d.Create(CompositeAlarmType, "c", with("c", "ALARM(a) OR FALSE"))
	RequireRefusal(t, one.TryDelete(), "composite alarm(s) depending on it", "used by c")
	RequireRefusal(t, c.TryUpdate(with("c", "OK(none)")), "the alarm none does not exist")
	c.Update(with("c", "TRUE"))
	one.Delete()
	c.Delete()
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
	d := Start(t)
	with := func(body string) Props { return Props{"dashboardName": "region", "dashboardBody": body} }
	widget := func(s string) Props { return with(`{"widgets":[` + s + `]}`) }
	d.RequireCreateRefusal(DashboardType, with("no"), "The dashboard body is invalid")
	d.RequireCreateRefusal(DashboardType, widget(`{"type":"film","properties":{"a":1}}`), `unknown type "film"`)
	d.RequireCreateRefusal(DashboardType, widget(`{"type":"text"}`), "properties are missing")
	d.RequireCreateRefusal(DashboardType, widget(`{"type":"text","x":13,"width":12,"properties":{"markdown":"x"}}`), "off the grid")
	d.RequireCreateRefusal(DashboardType, widget(`{"type":"text","width":25,"properties":{"markdown":"x"}}`), "off the grid")
	d.RequireCreateRefusal(DashboardType, Props{"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName")
	b := d.Create(DashboardType, "b", with(oneBoard))
	d.RequireCreateRefusal(DashboardType, with(oneBoard), "already exists")
	if b.Output("dashboardArn") != "arn:aws:cloudwatch::123456789012:dashboard/region" {
		t.Error(b.Output("dashboardArn"))
	}
	b.Update(with("{}"))
}

func TestMetricFilters(t *testing.T) {
	d := Start(t)
	logs := d.Create(LogGroupType, "logs", Props{"name": "ci"})
	with := func(more Props) Props {
		m := Props{"name": "errors", "namespace": "Beachhead", "value": "1"}
		for name, v := range more {
			m[name] = v
		}
		return Props{"name": "errors", "logGroupName": "ci", "pattern": "ERROR", "metricTransformation": m}
	}
	d.RequireCreateRefusal(LogMetricFilterType, with(Props{"name": "a:b"}), "metricTransformation.name")
	d.RequireCreateRefusal(LogMetricFilterType, with(Props{"defaultValue": "0", "dimensions": Props{"a": "$.b"}}), "together with dimensions")
	f := d.Create(LogMetricFilterType, "f", with(nil))
	d.RequireCreateRefusal(LogMetricFilterType, with(nil), "already exists")
	if f.ID != "ci:errors" {
		t.Errorf("id %s", f.ID)
	}
	logs.Delete()
	if r := d.Read(LogMetricFilterType, "f", f.ID, f.Inputs); r.ID != "" {
		t.Error("the filter outlives its group")
	}
}

func TestTopics(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(TopicType, Props{"name": "a b"}, "name")
	d.RequireCreateRefusal(TopicType, Props{"fifoTopic": true}, "fifoTopic: the emulator has no rules")
	d.RequireCreateRefusal(TopicType, Props{"kmsMasterKeyId": "none"}, "Key 'none' does not exist")
	topic := d.Create(TopicType, "t", Props{"name": "ci", "kmsMasterKeyId": "alias/aws/sns"})
	if topic.ID != "arn:aws:sns:us-west-1:123456789012:ci" || topic.Output("arn") != topic.ID {
		t.Errorf("%s, %v", topic.ID, topic.Output("arn"))
	}
	d.RequireCreateRefusal(TopicType, Props{"name": "ci"}, "Topic already exists")
	d.RequireCreateRefusal(TopicPolicyType, Props{"arn": "arn:aws:sns:us-west-1:123456789012:none", "policy": anything}, "Topic does not exist")
	policy := d.Create(TopicPolicyType, "p", Props{"arn": topic.ID, "policy": anything})
	d.RequireCreateRefusal(TopicPolicyType, Props{"arn": topic.ID, "policy": anything}, "has a policy already")
	for want, p := range map[string]Props{
		"rules for email, https only":     {"protocol": "sms", "endpoint": "+1"},
		"Email address":                   {"protocol": "email", "endpoint": "nobody"},
		"does not support raw message":    {"protocol": "email", "endpoint": "a@example.com", "rawMessageDelivery": true},
		"match the specified protocol":    {"protocol": "https", "endpoint": "http://example.com"},
		"filterPolicy: the emulator has ": {"protocol": "https", "endpoint": "https://example.com", "filterPolicy": "{}"},
	} {
		p["topic"] = topic.ID
		d.RequireCreateRefusal(TopicSubscriptionType, p, want)
	}
	hook := Props{"topic": topic.ID, "protocol": "https", "endpoint": "https://example.com/hook"}
	s := d.Create(TopicSubscriptionType, "s", hook)
	if s.Output("pendingConfirmation") != true || !strings.HasPrefix(s.ID, topic.ID+":") {
		t.Errorf("%s, pending %v", s.ID, s.Output("pendingConfirmation"))
	}
	d.RequireCreateRefusal(TopicSubscriptionType, hook, "Subscription already exists")
	topic.Delete() // with its policy and subscriptions
	for _, r := range []*Handle{policy, s} {
		if again := d.Read(r.Type, r.Name, r.ID, r.Inputs); again.ID != "" {
			t.Errorf("%s outlives its topic", r.ID)
		}
	}
}
