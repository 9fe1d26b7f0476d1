package emulator_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
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
	d := emulatortest.Start(t)
	query := func(more props) props {
		q := props{"id": "m", "returnData": true, "metric": props{"metricName": "x", "namespace": "y", "period": 60, "stat": "Sum"}}
		for name, v := range more {
			q[name] = v
		}
		return alarm(props{"metricName": nil, "namespace": nil, "period": nil, "statistic": nil, "metricQueries": []any{q}})
	}
	for want, p := range map[string]props{
		"comparisonOperator":                         alarm(props{"comparisonOperator": "About"}),
		"treatMissingData":                           alarm(props{"treatMissingData": "panic"}),
		"period: ValidationError: must be 10, 30 or": alarm(props{"period": 61}),
		"across more than a day":                     alarm(props{"period": 600, "evaluationPeriods": 150}),
		"between 1 and evaluationPeriods":            alarm(props{"datapointsToAlarm": 4}),
		"threshold: ValidationError: must be set":    alarm(props{"threshold": nil}),
		"namespace: ValidationError: must be set":    alarm(props{"namespace": nil}),
		"statistic: ValidationError: must be set":    alarm(props{"statistic": nil}),
		"exactly one of metricName, metricQueries":   alarm(props{"metricName": nil}),
		"extendedStatistic":                          alarm(props{"statistic": nil, "extendedStatistic": "most"}),
		"Invalid arn syntax: nobody":                 alarm(props{"alarmActions": []any{"nobody"}}),
		"sns:us-west-1:123456789012:none does not":   alarm(props{"okActions": []any{"arn:aws:sns:us-west-1:123456789012:none"}}),
		"no rules for the action arn:aws:lambda":     alarm(props{"okActions": []any{"arn:aws:lambda:us-west-1:1:function:f"}}),
		"at most 5 actions": alarm(props{"alarmActions": []any{"arn:aws:1", "arn:aws:2", "arn:aws:3", "arn:aws:4",
			"arn:aws:5", "arn:aws:6"}}),
		"exactly one query must have returnData true":   query(props{"returnData": false}),
		"expression and metric cannot be set":           query(props{"expression": "m"}),
		"metricQueries[0].id":                           query(props{"id": "M"}),
		"metricQueries[0].metric.period":                query(props{"metric": props{"metricName": "x", "period": 7, "stat": "Sum"}}),
		"thresholdMetricId: the emulator has no rules":  alarm(props{"thresholdMetricId": "m"}),
		"metricQueries and namespace cannot be set tog": alarm(props{"metricName": nil, "metricQueries": []any{}, "namespace": "x"}),
	} {
		if strings.HasPrefix(want, "metricQueries and") {
			p = query(nil)
			p["namespace"] = "x"
		}
		d.RequireCreateRefusal(aws.MetricAlarmType, p, want)
	}
	d.Create(aws.MetricAlarmType, "math", query(nil))
	d.RequireCreateRefusal(aws.MetricAlarmType, alarm(nil), "the alarm a already exists")
}

// Metric math reads metrics by the ids of their queries, so many and no more.
func TestAlarmMath(t *testing.T) {
	d := emulatortest.Start(t)
	math := func(expression string, ids ...string) props {
		queries := []any{props{"id": "result", "expression": expression, "returnData": true}}
		for _, id := range ids {
			queries = append(queries, props{"id": id, "metric": props{"metricName": "TunnelState", "namespace": "AWS/VPN", "period": 60,
				"stat": "Maximum"}})
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
		d.RequireCreateRefusal(aws.MetricAlarmType, p, want)
	}
	made := d.Create(aws.MetricAlarmType, "math", math("MAX([m0,m1])", "m0", "m1"))
	made.Update(math(`IF(m0 < 1 AND "m7" != 'm8', FILL(m0, 0), 2e3)`, "m0"))
	made.Delete()
}

func TestCompositeAlarms(t *testing.T) {
	d := emulatortest.Start(t)
	one := d.Create(aws.MetricAlarmType, "one", alarm(nil))
	with := func(name, rule string) props { return props{"alarmName": name, "alarmRule": rule} }
	d.RequireCreateRefusal(aws.CompositeAlarmType, with("c", "ALARM(a) AND"), "AlarmRule")
	d.RequireCreateRefusal(aws.CompositeAlarmType, with("c", "ALARM(none)"), "the alarm none does not exist")
	d.RequireCreateRefusal(aws.CompositeAlarmType, with("c", "ALARM(c)"), "the alarm c does not exist, or is this one")
	d.RequireCreateRefusal(aws.CompositeAlarmType, with("a", "TRUE"), "the alarm a already exists")
	c := d.Create(aws.CompositeAlarmType, "c", with("c", "ALARM(a) OR FALSE"))
	emulatortest.RequireRefusal(t, one.TryDelete(), "composite alarm(s) depending on it", "used by c")
	emulatortest.RequireRefusal(t, c.TryUpdate(with("c", "OK(none)")), "the alarm none does not exist")
	c.Update(with("c", "TRUE"))
	one.Delete()
	c.Delete()
}

func TestDashboards(t *testing.T) {
	d := emulatortest.Start(t)
	with := func(body string) props { return props{"dashboardName": "region", "dashboardBody": body} }
	widget := func(s string) props { return with(`{"widgets":[` + s + `]}`) }
	d.RequireCreateRefusal(aws.DashboardType, with("no"), "The dashboard body is invalid")
	d.RequireCreateRefusal(aws.DashboardType, widget(`{"type":"film","properties":{"a":1}}`), `unknown type "film"`)
	d.RequireCreateRefusal(aws.DashboardType, widget(`{"type":"text"}`), "properties are missing")
	d.RequireCreateRefusal(aws.DashboardType, widget(`{"type":"text","x":13,"width":12,"properties":{"markdown":"x"}}`), "off the grid")
	d.RequireCreateRefusal(aws.DashboardType, widget(`{"type":"text","width":25,"properties":{"markdown":"x"}}`), "off the grid")
	d.RequireCreateRefusal(aws.DashboardType, props{"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName")
	b := d.Create(aws.DashboardType, "b", with(emulatortest.DashboardBody))
	d.RequireCreateRefusal(aws.DashboardType, with(emulatortest.DashboardBody), "already exists")
	if b.Output("dashboardArn") != "arn:aws:cloudwatch::123456789012:dashboard/region" {
		t.Error(b.Output("dashboardArn"))
	}
	b.Update(with("{}"))
}

func TestMetricFilters(t *testing.T) {
	d := emulatortest.Start(t)
	logs := d.Create(aws.LogGroupType, "logs", props{"name": "ci"})
	with := func(more props) props {
		m := props{"name": "errors", "namespace": "Beachhead", "value": "1"}
		for name, v := range more {
			m[name] = v
		}
		return props{"name": "errors", "logGroupName": "ci", "pattern": "ERROR", "metricTransformation": m}
	}
	d.RequireCreateRefusal(aws.LogMetricFilterType, with(props{"name": "a:b"}), "metricTransformation.name")
	d.RequireCreateRefusal(aws.LogMetricFilterType, with(props{"defaultValue": "0", "dimensions": props{"a": "$.b"}}),
		"together with dimensions")
	f := d.Create(aws.LogMetricFilterType, "f", with(nil))
	d.RequireCreateRefusal(aws.LogMetricFilterType, with(nil), "already exists")
	if f.ID != "ci:errors" {
		t.Errorf("id %s", f.ID)
	}
	logs.Delete()
	if r := d.Read(aws.LogMetricFilterType, "f", f.ID, f.Inputs); r.ID != "" {
		t.Error("the filter outlives its group")
	}
}

func TestTopics(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.TopicType, props{"name": "a b"}, "name")
	d.RequireCreateRefusal(aws.TopicType, props{"fifoTopic": true}, "fifoTopic: the emulator has no rules")
	d.RequireCreateRefusal(aws.TopicType, props{"kmsMasterKeyId": "none"}, "Key 'none' does not exist")
	topic := d.Create(aws.TopicType, "t", props{"name": "ci", "kmsMasterKeyId": "alias/aws/sns"})
	if topic.ID != "arn:aws:sns:us-west-1:123456789012:ci" || topic.Output("arn") != topic.ID {
		t.Errorf("%s, %v", topic.ID, topic.Output("arn"))
	}
	d.RequireCreateRefusal(aws.TopicType, props{"name": "ci"}, "Topic already exists")
	d.RequireCreateRefusal(aws.TopicPolicyType, props{"arn": "arn:aws:sns:us-west-1:123456789012:none", "policy": emulatortest.AnyPolicy},
		"Topic does not exist")
	policy := d.Create(aws.TopicPolicyType, "p", props{"arn": topic.ID, "policy": emulatortest.AnyPolicy})
	d.RequireCreateRefusal(aws.TopicPolicyType, props{"arn": topic.ID, "policy": emulatortest.AnyPolicy}, "already has a policy")
	for want, p := range map[string]props{
		"rules for email, https only":     {"protocol": "sms", "endpoint": "+1"},
		"Email address":                   {"protocol": "email", "endpoint": "nobody"},
		"does not support raw message":    {"protocol": "email", "endpoint": "a@example.com", "rawMessageDelivery": true},
		"match the specified protocol":    {"protocol": "https", "endpoint": "http://example.com"},
		"filterPolicy: the emulator has ": {"protocol": "https", "endpoint": "https://example.com", "filterPolicy": "{}"},
	} {
		p["topic"] = topic.ID
		d.RequireCreateRefusal(aws.TopicSubscriptionType, p, want)
	}
	hook := props{"topic": topic.ID, "protocol": "https", "endpoint": "https://example.com/hook"}
	s := d.Create(aws.TopicSubscriptionType, "s", hook)
	if s.Output("pendingConfirmation") != true || !strings.HasPrefix(s.ID, topic.ID+":") {
		t.Errorf("%s, pending %v", s.ID, s.Output("pendingConfirmation"))
	}
	d.RequireCreateRefusal(aws.TopicSubscriptionType, hook, "Subscription already exists")
	topic.Delete() // with its policy and subscriptions
	for _, r := range []*handle{policy, s} {
		if again := d.Read(r.Type, r.Name, r.ID, r.Inputs); again.ID != "" {
			t.Errorf("%s outlives its topic", r.ID)
		}
	}
}
