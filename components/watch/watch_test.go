package watch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/watch"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

func args(edit func(*watch.Args)) *watch.Args {
	a := &watch.Args{
		Region: "us-west-1", Account: "210987654321", Stack: "us-west-1", Namespace: "Beachhead", Email: []string{"ci-oncall@example.com"},
		Webhooks:    []string{"https://chat.example.com/hook"},
		NATGateways: []watch.Named{{Name: "us-west-1a", ID: pulumi.String("nat-1")}},
		Fleets: []watch.Fleet{
			{Name: "containers-arm64", Group: pulumi.String("group-1"), Dimension: "/beachhead/us-west-1/fleets/containers-arm64", Min: 16},
			{Name: "yocto-amd64", Group: pulumi.String("group-2"), Dimension: "/beachhead/us-west-1/fleets/yocto-amd64"},
		},
		Shards:      []watch.Shard{{Name: "shard-00", Dimension: "us-west-1/0"}},
		Connections: []watch.Named{{Name: "0", ID: pulumi.String("vpn-0")}, {Name: "1", ID: pulumi.String("vpn-1")}},
	}
	if edit != nil {
		edit(a)
	}
	return a
}

func record(t *testing.T, edit func(*watch.Args)) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := watch.New(ctx, "watch", args(edit))
		return err
	})
}

func alarm(t *testing.T, name string) resource.PropertyMap {
	t.Helper()
	return record(t, nil).Named(t, "aws:cloudwatch/metricAlarm:MetricAlarm", name).Inputs
}

// watched returns an alarm's metric, or the expression of its metric math.
func watched(a resource.PropertyMap) string {
	if a.HasValue("metricName") {
		return a["metricName"].StringValue()
	}
	for _, q := range a["metricQueries"].ArrayValue() {
		if query := q.ObjectValue(); query.HasValue("returnData") && query["returnData"].BoolValue() {
			return query["expression"].StringValue()
		}
	}
	return ""
}

func TestAlarms(t *testing.T) {
	want := map[string]string{
		"watch-ports-us-west-1a": "ErrorPortAllocation", "watch-busy-containers-arm64": "BusyPercent", "watch-busy-yocto-amd64": "BusyPercent",
		"watch-machines-containers-arm64": "GroupInServiceCapacity", "watch-health-shard-00": "Healthy", "watch-space-shard-00": "UsedPercent",
		"watch-tunnels-0": "TunnelState", "watch-tunnels-1": "TunnelState", "watch-bgp": "MAX([m0,m1])",
	}
	all := record(t, nil).OfType("aws:cloudwatch/metricAlarm:MetricAlarm")
	if len(all) != len(want) {
		t.Errorf("%d alarms, want %d:\n%s", len(all), len(want), all)
	}
	for _, a := range all {
		if got := watched(a.Inputs); got != want[a.Name] {
			t.Errorf("%s watches %q, want %q", a.Name, got, want[a.Name])
		}
		if len(a.Inputs["alarmActions"].ArrayValue()) != 1 || len(a.Inputs["okActions"].ArrayValue()) != 1 {
			t.Errorf("nobody hears of %s", a.Name)
		}
		if says := a.Inputs["alarmDescription"].StringValue(); len(says) < 20 {
			t.Errorf("%s says %q", a.Name, says)
		}
	}
}

// One tunnel is down during AWS's maintenance, and the connection's metric is one half. The alarm goes off when both are down, or silent.
func TestNoAlarmForOneTunnelDown(t *testing.T) {
	a := alarm(t, "watch-tunnels-0")
	if threshold := a["threshold"].NumberValue(); threshold <= 0 || threshold >= 0.5 {
		t.Errorf("goes off below %g, want above 0 and below one half", threshold)
	}
	if a["treatMissingData"].StringValue() != "breaching" || a["comparisonOperator"].StringValue() != "LessThanThreshold" {
		t.Errorf("alarm %v", a)
	}
}

// The link's own alarm reads every connection, goes off on silence, before those of the connections do, and only when none has a session.
func TestNoSessionAnywhere(t *testing.T) {
	a := alarm(t, "watch-bgp")
	read := map[string]string{}
	for _, q := range a["metricQueries"].ArrayValue() {
		if query := q.ObjectValue(); query.HasValue("metric") {
			m := query["metric"].ObjectValue()
			read[query["id"].StringValue()] = m["dimensions"].ObjectValue()["VpnId"].StringValue()
			if m["metricName"].StringValue() != "TunnelState" || m["namespace"].StringValue() != "AWS/VPN" || m["stat"].StringValue() != "Maximum" {
				t.Errorf("query %v", m)
			}
		}
	}
	if len(read) != 2 || read["m0"] != "vpn-0" || read["m1"] != "vpn-1" {
		t.Errorf("it reads %v, want both connections", read)
	}
	if threshold := a["threshold"].NumberValue(); threshold <= 0 || threshold >= 0.5 ||
		a["comparisonOperator"].StringValue() != "LessThanThreshold" {
		t.Errorf("goes off at %s %g; one tunnel of a connection is one half", a["comparisonOperator"], threshold)
	}
	if a["treatMissingData"].StringValue() != "breaching" {
		t.Error("silence wakes nobody")
	}
	if one := alarm(t, "watch-tunnels-0"); a["evaluationPeriods"].NumberValue() != 2 || one["evaluationPeriods"].NumberValue() <= 2 {
		t.Errorf("the link's alarm waits %v minutes, a connection's %v; want 2 and more", a["evaluationPeriods"], one["evaluationPeriods"])
	}
	for _, property := range []resource.PropertyKey{"metricName", "namespace", "period", "statistic", "dimensions"} {
		if a.HasValue(property) {
			t.Errorf("%s beside metricQueries, which AWS refuses", property)
		}
	}
}

// A region without a link has no alarm about one.
func TestNoLinkNoAlarm(t *testing.T) {
	for _, a := range record(t, func(w *watch.Args) { w.Connections = nil }).OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		if a.Name == "watch-bgp" || strings.HasPrefix(a.Name, "watch-tunnels-") {
			t.Errorf("%s watches a link that is not there", a.Name)
		}
	}
}

// A fleet with a minimum of 0, as in standby, has no alarm about its machines.
func TestStandbyIsSilent(t *testing.T) {
	for _, a := range record(t, func(w *watch.Args) { w.Fleets[0].Min = 0 }).OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		if strings.HasPrefix(a.Name, "watch-machines-") {
			t.Errorf("%s watches a fleet that need not run", a.Name)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	got := map[string]string{}
	for _, s := range record(t, nil).OfType("aws:sns/topicSubscription:TopicSubscription") {
		endpoint := s.Inputs["endpoint"]
		if endpoint.IsSecret() {
			endpoint = endpoint.SecretValue().Element
		}
		got[s.Inputs["protocol"].StringValue()] = endpoint.StringValue()
	}
	if got["email"] != "ci-oncall@example.com" || got["https"] != "https://chat.example.com/hook" || len(got) != 2 {
		t.Errorf("subscriptions %v", got)
	}
}

// A webhook's path is a secret. Resource names must not contain it, and the state must have it encrypted.
func TestWebhooksTellTheirHostAlone(t *testing.T) {
	hooks := []string{"https://chat.example.com:8443/hook/planted-1", "https://chat.example.com:8443/hook/planted-2"}
	names := map[string]bool{}
	for _, s := range record(t, func(a *watch.Args) { a.Webhooks = hooks }).OfType("aws:sns/topicSubscription:TopicSubscription") {
		if s.Inputs["protocol"].StringValue() != "https" {
			continue
		}
		names[s.Name] = true
		if !strings.HasPrefix(s.Name, "watch-https-chat.example.com-") || strings.Contains(s.Name, "planted") {
			t.Errorf("the name %s", s.Name)
		}
		if !s.Inputs["endpoint"].IsSecret() {
			t.Errorf("%s has its address in plain text", s.Name)
		}
	}
	if len(names) != len(hooks) {
		t.Errorf("%d names of %d hooks: %v", len(names), len(hooks), names)
	}
}

func TestDashboardShowsEveryAlarm(t *testing.T) {
	recorded := record(t, nil)
	text := recorded.Named(t, "aws:cloudwatch/dashboard:Dashboard", "watch").Inputs["dashboardBody"].StringValue()
	var body struct {
		Widgets []struct {
			X, Y       int
			Properties struct{ Metrics [][]string }
		}
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if alarms := recorded.OfType("aws:cloudwatch/metricAlarm:MetricAlarm"); len(body.Widgets) != len(alarms) {
		t.Errorf("%d graphs of %d alarms", len(body.Widgets), len(alarms))
	}
	seen, rows := map[[2]int]bool{}, 0
	for _, w := range body.Widgets {
		if place := [2]int{w.X, w.Y}; seen[place] || w.X > 16 {
			t.Errorf("a graph at %v, taken or outside", place)
		}
		seen[[2]int{w.X, w.Y}] = true
		for _, m := range w.Properties.Metrics {
			if len(m) < 4 || len(m)%2 != 0 {
				t.Errorf("metric %v", m)
			}
			rows++
		}
	}
	if want := len(recorded.OfType("aws:cloudwatch/metricAlarm:MetricAlarm")) + 1; rows != want {
		t.Errorf("%d metrics are shown, want %d: one for each alarm, and two for the link's", rows, want)
	}
}

// The topic's key can be used by CloudWatch for alarms of this account only.
func TestNotificationsAreEncrypted(t *testing.T) {
	recorded := record(t, nil)
	if topic := recorded.Named(t, "aws:sns/topic:Topic", "watch"); topic.Inputs["kmsMasterKeyId"].StringValue() != "watch-id" {
		t.Errorf("the topic's key is %v", topic.Inputs["kmsMasterKeyId"])
	}
	policy := recorded.Named(t, "aws:kms/key:Key", "watch").Inputs["policy"].StringValue()
	if !json.Valid([]byte(policy)) || !strings.Contains(policy, `"aws:SourceAccount":"210987654321"`) {
		t.Errorf("the key's policy is %s", policy)
	}
}

func TestNameTagsAndParents(t *testing.T) {
	for _, r := range record(t, nil) {
		if tags, tagged := r.Inputs["tags"]; r.Custom && tagged && tags.ObjectValue()["Name"].StringValue() != r.Name {
			t.Errorf("%s %s has the Name tag %v", r.Type, r.Name, tags)
		}
		if r.Custom && resource.URN(r.Parent).Name() != "watch" {
			t.Errorf("%s %s has the parent %q", r.Type, r.Name, r.Parent)
		}
	}
}

func TestRefusals(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(*watch.Args)
		want string
	}{
		"plain text": {func(a *watch.Args) { a.Webhooks = []string{"http://chat.example.com/planted"} },
			"webhooks[0]: want an https address"},
		"no host": {func(a *watch.Args) { a.Webhooks = append(a.Webhooks, "https:///planted") },
			"webhooks[1]: want an https address"},
		"a hook twice": {func(a *watch.Args) { a.Webhooks = append(a.Webhooks, a.Webhooks[0]) },
			"webhooks[1]: the address is listed twice"},
		"no stack":                             {func(a *watch.Args) { a.Stack = "" }, `stack "", region`},
		"more connections than an alarm reads": {func(a *watch.Args) { a.Connections = make([]watch.Named, 11) }, "at most 10 metrics"},
	} {
		_, err := watch.New(nil, "watch", args(c.edit))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a refusal with %q", what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the refusal tells the hook's path: %v", what, err)
		}
	}
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := watch.New(ctx, "watch", args(nil))
		return err
	})
}

// Everything that decides when an alarm goes off, and about which resource.
func TestWhenAlarmsGoOff(t *testing.T) {
	all := record(t, nil)
	for name, want := range map[string]string{
		"ports-us-west-1a": "AWS/NATGateway NatGatewayId=nat-1 Sum GreaterThanThreshold 0 in 1 x 60 s, notBreaching",
		"busy-containers-arm64": "Beachhead Fleet=/beachhead/us-west-1/fleets/containers-arm64 Average GreaterThanOrEqualToThreshold 100 " +
			"in 3 x 300 s, notBreaching",
		"machines-containers-arm64": "AWS/AutoScaling AutoScalingGroupName=group-1 Minimum LessThanThreshold 16 in 10 x 60 s, breaching",
		"health-shard-00":           "Beachhead Shard=us-west-1/0 Minimum LessThanThreshold 1 in 5 x 60 s, breaching",
		"space-shard-00":            "Beachhead Shard=us-west-1/0 Maximum GreaterThanThreshold 92 in 3 x 300 s, notBreaching",
		"tunnels-1":                 "AWS/VPN VpnId=vpn-1 Maximum LessThanThreshold 0.25 in 3 x 60 s, breaching",
	} {
		in := all.Named(t, "aws:cloudwatch/metricAlarm:MetricAlarm", "watch-"+name).Inputs
		var dimensions []string
		for key, value := range in["dimensions"].ObjectValue() {
			dimensions = append(dimensions, string(key)+"="+value.StringValue())
		}
		got := fmt.Sprintf("%s %s %s %s %g in %g x %g s, %s", in["namespace"].StringValue(), strings.Join(dimensions, " "),
			in["statistic"].StringValue(), in["comparisonOperator"].StringValue(), in["threshold"].NumberValue(),
			in["evaluationPeriods"].NumberValue(), in["period"].NumberValue(), in["treatMissingData"].StringValue())
		if got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
}

// Each limit is accepted, and the value beyond it is refused.
func TestLimits(t *testing.T) {
	connect := func(count int) func(*watch.Args) {
		return func(a *watch.Args) { a.Connections = make([]watch.Named, count) }
	}
	if err := args(connect(10)).Validate(); err != nil {
		t.Errorf("ten connections: %v", err)
	}
	for name, edit := range map[string]func(*watch.Args){
		"eleven connections": connect(11), "no stack": func(a *watch.Args) { a.Stack = "" },
		"no region": func(a *watch.Args) { a.Region = "" }, "no account": func(a *watch.Args) { a.Account = "" },
		"no URL": func(a *watch.Args) { a.Webhooks[0] = "https://%zz" },
	} {
		if err := args(edit).Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (*watch.Args)(nil).Validate(); err == nil {
		t.Error("no arguments at all are accepted")
	}
}
