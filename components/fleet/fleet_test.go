package fleet_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/fleet"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const secret = "planted-token-4711"

// args is a valid fleet; tests edit it.
func args(edit func(*fleet.Args)) *fleet.Args {
	a := &fleet.Args{
		Region: "us-west-1", Account: "210987654321", Path: "/beachhead/us-west-1/fleets/containers-arm64",
		Types: []fleet.Type{{Name: "m7g.2xlarge", Weight: 8}, {Name: "c7g.2xlarge", Weight: 8}},
		Min:   16, Max: 192, OnDemandBase: 8, OnDemandPercent: 25, Launching: true, Posture: "active", DiskGiB: 200,
		Image: "/aws/service/debian/release/12/latest/arm64", UserData: "#!/bin/sh\nexit 0\n", HookSeconds: 600, LifetimeDays: 14,
		BusyPercent: 70, ReadParameters: []string{"/beachhead/us-west-1/cache/map", "/beachhead/us-west-1/cache/moved/*"},
		Tags: map[string]string{"beachhead:stack": "us-west-1", "cost-center": "ci"},
		VPC:  pulumi.String("vpc-1"), Subnets: pulumi.ToStringArray([]string{"subnet-1", "subnet-2"}), Bucket: pulumi.String("agents"),
		Token: pulumi.ToSecret(pulumi.String(secret)).(pulumi.StringOutput),
	}
	if edit != nil {
		edit(a)
	}
	return a
}

func record(t *testing.T, edit func(*fleet.Args)) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := fleet.New(ctx, "fleet-containers-arm64", args(edit))
		return err
	})
}

func group(t *testing.T, edit func(*fleet.Args)) resource.PropertyMap {
	t.Helper()
	return record(t, edit).Named(t, "aws:autoscaling/group:Group", "fleet-containers-arm64").Inputs
}

func TestGroup(t *testing.T) {
	g := group(t, nil)
	if g.HasValue("desiredCapacity") {
		t.Error("the group has a desired capacity, which every up would set back")
	}
	if g["minSize"].NumberValue() != 16 || g["maxSize"].NumberValue() != 192 || g["waitForCapacityTimeout"].StringValue() != "0" {
		t.Errorf("bounds %v to %v, wait %v", g["minSize"], g["maxSize"], g["waitForCapacityTimeout"])
	}
	if !g["capacityRebalance"].BoolValue() || g["maxInstanceLifetime"].NumberValue() != 14*86400 {
		t.Errorf("rebalance %v, lifetime %v", g["capacityRebalance"], g["maxInstanceLifetime"])
	}
	policy := g["mixedInstancesPolicy"].ObjectValue()
	overrides := policy["launchTemplate"].ObjectValue()["overrides"].ArrayValue()
	first := overrides[0].ObjectValue()
	if len(overrides) != 2 || first["instanceType"].StringValue() != "m7g.2xlarge" || first["weightedCapacity"].StringValue() != "8" {
		t.Errorf("overrides %v", overrides)
	}
	spread := policy["instancesDistribution"].ObjectValue()
	if spread["spotAllocationStrategy"].StringValue() != "capacity-optimized" || spread["onDemandBaseCapacity"].NumberValue() != 8 ||
		spread["onDemandPercentageAboveBaseCapacity"].NumberValue() != 25 {
		t.Errorf("distribution %v", spread)
	}
}

// A machine that never reports ready is abandoned, and a machine that goes drains first.
func TestHooks(t *testing.T) {
	seen := map[string]bool{}
	for _, hook := range group(t, nil)["initialLifecycleHooks"].ArrayValue() {
		h := hook.ObjectValue()
		seen[h["lifecycleTransition"].StringValue()] = true
		if h["defaultResult"].StringValue() != "ABANDON" || h["heartbeatTimeout"].NumberValue() != 600 {
			t.Errorf("hook %v", h)
		}
	}
	if !seen["autoscaling:EC2_INSTANCE_LAUNCHING"] || !seen["autoscaling:EC2_INSTANCE_TERMINATING"] {
		t.Errorf("hooks for %v, want launching and terminating", seen)
	}
}

// Postures change bounds, suspended processes and the posture parameter. They replace no resource.
func TestPosturesChangeTheGroupAlone(t *testing.T) {
	active := record(t, nil)
	standby := record(t, func(a *fleet.Args) { a.Min, a.Max, a.Posture = 0, 0, "standby" })
	draining := record(t, func(a *fleet.Args) { a.Min, a.Launching, a.Posture = 0, false, "draining" })
	for posture, other := range map[string]recorder.Recording{"standby": standby, "draining": draining} {
		for i, r := range active {
			if r.Type == "aws:autoscaling/group:Group" || r.Name == "fleet-containers-arm64-posture" {
				continue
			}
			if !r.Inputs.DeepEquals(other[i].Inputs) {
				t.Errorf("%s changes %s %s", posture, r.Type, r.Name)
			}
		}
	}
	got := group(t, func(a *fleet.Args) { a.Launching = false })["suspendedProcesses"].ArrayValue()
	if fmt.Sprint(got) != "[{AlarmNotification} {Launch}]" {
		t.Errorf("draining suspends %v, want alarms and launches", got)
	}
}

func TestTemplateIsSafe(t *testing.T) {
	template := record(t, nil).Named(t, "aws:ec2/launchTemplate:LaunchTemplate", "fleet-containers-arm64").Inputs
	if got := template["metadataOptions"].ObjectValue(); got["httpTokens"].StringValue() != "required" ||
		got["httpPutResponseHopLimit"].NumberValue() != 1 {
		t.Errorf("metadata %v", got)
	}
	if disk := template["blockDeviceMappings"].ArrayValue()[0].ObjectValue()["ebs"].ObjectValue(); disk["encrypted"].StringValue() != "true" {
		t.Errorf("disk %v", disk)
	}
	if template.HasValue("keyName") {
		t.Error("the machines take SSH keys")
	}
	if got := template["imageId"].StringValue(); got != "resolve:ssm:/aws/service/debian/release/12/latest/arm64" {
		t.Errorf("image %s", got)
	}
	if text, err := base64.StdEncoding.DecodeString(template["userData"].StringValue()); err != nil ||
		!strings.HasPrefix(string(text), "#!/bin/sh") {
		t.Errorf("user data %q, %v", text, err)
	}
	kinds := map[string]bool{}
	for _, spec := range template["tagSpecifications"].ArrayValue() {
		s := spec.ObjectValue()
		kinds[s["resourceType"].StringValue()] = s["tags"].ObjectValue().HasValue("beachhead:stack")
	}
	for _, kind := range []string{"instance", "volume", "network-interface"} {
		if !kinds[kind] {
			t.Errorf("the stack's tag is not on each %s", kind)
		}
	}
	for public, want := range map[bool]string{true: "true", false: "false"} {
		r := record(t, func(a *fleet.Args) { a.PublicAddress = public }).Named(t, "aws:ec2/launchTemplate:LaunchTemplate",
			"fleet-containers-arm64")
		if got := r.Inputs["networkInterfaces"].ArrayValue()[0].ObjectValue()["associatePublicIpAddress"].StringValue(); got != want {
			t.Errorf("public address %s, want %s", got, want)
		}
	}
}

func TestNothingGetsIn(t *testing.T) {
	recorded := record(t, nil)
	if rules := recorded.OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"); len(rules) > 0 {
		t.Errorf("something gets in: %v", rules)
	}
	access := recorded.Named(t, "aws:ec2/securityGroup:SecurityGroup", "fleet-containers-arm64")
	if access.Inputs.HasValue("ingress") {
		t.Errorf("something gets in: %v", access.Inputs)
	}
}

// The role may read its own fleet's token only, and change its own group only. The test lists the calls that IAM cannot limit.
func TestRole(t *testing.T) {
	text := record(t, nil).Named(t, "aws:iam/rolePolicy:RolePolicy", "fleet-containers-arm64").Inputs["policy"].StringValue()
	var document struct {
		Statement []struct {
			Action, Resource []string
			Condition        map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	nameless := map[string]bool{
		"autoscaling:DescribeAutoScalingInstances": true, "cloudwatch:PutMetricData": true, "ssm:UpdateInstanceInformation": true,
		"ssmmessages:CreateControlChannel": true,
		"ssmmessages:CreateDataChannel":    true, "ssmmessages:OpenControlChannel": true, "ssmmessages:OpenDataChannel": true,
	}
	allowed := map[string]bool{}
	for _, s := range document.Statement {
		for _, action := range s.Action {
			allowed[action] = true
			if strings.Contains(action, "*") {
				t.Errorf("it may do %s", action)
			}
			for _, on := range s.Resource {
				if on == "*" && !nameless[action] {
					t.Errorf("it may do %s on anything", action)
				}
				if action == "ssm:GetParameter" && !strings.HasSuffix(on, "/fleets/containers-arm64/token") &&
					!strings.HasSuffix(on, "/fleets/containers-arm64/posture") && !strings.HasSuffix(on, "/cache/map") &&
					!strings.HasSuffix(on, "/cache/moved/*") {
					t.Errorf("it may read %s", on)
				}
			}
			if strings.HasPrefix(action, "autoscaling:") && !nameless[action] &&
				!strings.Contains(fmt.Sprint(s.Condition), "fleet-containers-arm64") {
				t.Errorf("it may do %s to other groups: %v", action, s.Condition)
			}
		}
	}
	for _, action := range []string{
		"s3:GetObject", "ssm:GetParameter", "autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat",
		"autoscaling:SetInstanceProtection", "autoscaling:DescribeAutoScalingInstances",
	} {
		if !allowed[action] {
			t.Errorf("it may not do %s, which the agent calls", action)
		}
	}
}

// The token is in one input, which is secret, and nowhere else.
func TestTokenIsNowhereElse(t *testing.T) {
	found := 0
	for _, r := range record(t, nil) {
		for key, value := range r.Inputs {
			if !strings.Contains(fmt.Sprint(recorder.Plain(value)), secret) {
				continue
			}
			found++
			if r.Type != "aws:ssm/parameter:Parameter" || key != "value" || !value.IsSecret() {
				t.Errorf("the token is in %s of %s %s, secret: %t", key, r.Type, r.Name, value.IsSecret())
			}
		}
	}
	if found != 1 {
		t.Errorf("the token was found %d times, want once: the search itself must work", found)
	}
	token := record(t, nil).Named(t, "aws:ssm/parameter:Parameter", "fleet-containers-arm64-token").Inputs
	if token["type"].StringValue() != "SecureString" {
		t.Errorf("the parameter is a %v", token["type"])
	}
	if without := record(t, func(a *fleet.Args) { a.Token = nil }).OfType("aws:ssm/parameter:Parameter"); len(without) != 1 {
		t.Errorf("a parameter for no token: %v", without)
	}
}

func TestNameTags(t *testing.T) {
	for _, r := range record(t, nil) {
		if tags, tagged := r.Inputs["tags"]; r.Custom && tagged && tags.IsObject() && tags.ObjectValue()["Name"].StringValue() != r.Name {
			t.Errorf("%s %s has the Name tag %v", r.Type, r.Name, tags.ObjectValue()["Name"])
		}
		if r.Custom && resource.URN(r.Parent).Name() != "fleet-containers-arm64" {
			t.Errorf("%s %s has the parent %q", r.Type, r.Name, r.Parent)
		}
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]func(*fleet.Args){
		"machine types are missing":    func(a *fleet.Args) { a.Types = nil },
		"m7g.2xlarge: weight 0":        func(a *fleet.Args) { a.Types[0].Weight = 0 },
		"min 300; want 0 to max 192":   func(a *fleet.Args) { a.Min = 300 },
		"on-demand percentage 101":     func(a *fleet.Args) { a.OnDemandPercent = 101 },
		"the posture is missing":       func(a *fleet.Args) { a.Posture = "" },
		"user data has 20000 bytes":    func(a *fleet.Args) { a.UserData = strings.Repeat("x", 20000) },
		"lifecycle hooks of 10 s":      func(a *fleet.Args) { a.HookSeconds = 10 },
		"a lifetime of 0 days":         func(a *fleet.Args) { a.LifetimeDays = 0 },
		"want the name of a parameter": func(a *fleet.Args) { a.Image = "ami-1" },
		"begins with a slash":          func(a *fleet.Args) { a.Path = "beachhead" },
	}
	for want, edit := range cases {
		_, err := fleet.New(nil, "fleet", args(edit))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := fleet.New(ctx, "fleet-containers-arm64", args(nil))
		return err
	})
}

// Each limit is accepted, and the value beyond it is refused.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		fine, wrong []func(*fleet.Args)
	}{
		"weight": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.Types[0].Weight = 1 }, func(a *fleet.Args) { a.Types[0].Weight = 999 }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.Types[1].Weight = 0 }, func(a *fleet.Args) { a.Types[1].Weight = 1000 }},
		},
		"bounds": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.Min, a.Max = 0, 0 }, func(a *fleet.Args) { a.Min = a.Max }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.Min = -1 }, func(a *fleet.Args) { a.Min = a.Max + 1 }},
		},
		"on-demand percentage": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.OnDemandPercent = 0 }, func(a *fleet.Args) { a.OnDemandPercent = 100 }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.OnDemandPercent = -1 }, func(a *fleet.Args) { a.OnDemandPercent = 101 }},
		},
		"user data": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.UserData = strings.Repeat("x", 16384) }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.UserData = strings.Repeat("x", 16385) }},
		},
		"hooks": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.HookSeconds = 30 }, func(a *fleet.Args) { a.HookSeconds = 7200 }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.HookSeconds = 29 }, func(a *fleet.Args) { a.HookSeconds = 7201 }},
		},
		"lifetime": {
			[]func(*fleet.Args){func(a *fleet.Args) { a.LifetimeDays = 1 }, func(a *fleet.Args) { a.LifetimeDays = 365 }},
			[]func(*fleet.Args){func(a *fleet.Args) { a.LifetimeDays = 0 }, func(a *fleet.Args) { a.LifetimeDays = 366 }},
		},
	} {
		for i, edit := range c.fine {
			if err := args(edit).Validate(); err != nil {
				t.Errorf("%s: limit %d: %v", name, i, err)
			}
		}
		for i, edit := range c.wrong {
			if err := args(edit).Validate(); err == nil {
				t.Errorf("%s: value %d beyond the limit is accepted", name, i)
			}
		}
	}
	if err := (*fleet.Args)(nil).Validate(); err == nil {
		t.Error("no arguments at all are accepted")
	}
}
