package emulator_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// mixed is a group of mixed instances, with weights by type where they are given.
func (f *fleet) mixed(want int, distribution props, more props, types ...string) props {
	var overrides []any
	for i := 0; i < len(types); i += 2 {
		o := props{"instanceType": types[i]}
		if types[i+1] != "" {
			o["weightedCapacity"] = types[i+1]
		}
		overrides = append(overrides, o)
	}
	p := f.group(0, want, 100, more)
	delete(p, "launchTemplate")
	p["mixedInstancesPolicy"] = props{"instancesDistribution": distribution, "launchTemplate": props{
		"launchTemplateSpecification": props{"launchTemplateId": f.template.ID, "version": "$Latest"}, "overrides": overrides}}
	return p
}

func TestMixedGroupRefusals(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	none := props{}
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "0"), "overrides[0].weightedCapacity",
		"between 1 and 999")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "x"), "between 1 and 999")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "2", "m6g.large", ""),
		"for all instance types or for none")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "", "m7g.large", ""), "listed more than once")
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, none, nil, "m7g.huge", ""), "Invalid instance type")
	for name, v := range map[string]any{"onDemandAllocationStrategy": "cheapest", "spotAllocationStrategy": "random",
		"onDemandBaseCapacity":                -1,
		"onDemandPercentageAboveBaseCapacity": 101, "spotInstancePools": 21, "spotMaxPrice": "much"} {
		f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, props{name: v}, nil, "m7g.large", ""),
			"mixedInstancesPolicy.instancesDistribution."+name)
	}
	f.RequireCreateRefusal(aws.AutoScalingGroupType, f.mixed(0, props{"spotInstancePools": 2, "spotAllocationStrategy": "capacity-optimized"},
		nil, "m7g.large", ""),
		"only available with the lowest-price")
	spot := f.Create(aws.LaunchTemplateType, "spot", props{"imageId": emulatortest.DebianImage,
		"instanceMarketOptions": props{"marketType": "spot"}})
	p := f.mixed(0, none, nil, "m7g.large", "")
	p["mixedInstancesPolicy"].(props)["launchTemplate"].(props)["launchTemplateSpecification"] = props{"launchTemplateId": spot.ID}
	f.RequireCreateRefusal(aws.AutoScalingGroupType, p, "Incompatible launch template")
	for name, v := range map[string]any{"maxInstanceLifetime": 3600, "enabledMetrics": []any{"GroupMood"},
		"suspendedProcesses": []any{"Thinking"},
		"healthCheckType":    "ECG", "desiredCapacityType": "vcpu", "instanceRefresh": props{"strategy": "Rolling"},
		"serviceLinkedRoleArn":  "arn:aws:iam::1:role/x",
		"initialLifecycleHooks": []any{props{"name": "a", "lifecycleTransition": "sleep"}}} {
		f.RequireCreateRefusal(aws.AutoScalingGroupType, f.group(0, 0, 1, props{name: v}), name)
	}
	f.Create(aws.AutoScalingGroupType, "good", f.group(0, 0, 1, props{"maxInstanceLifetime": 0,
		"enabledMetrics":    []any{"GroupInServiceInstances"},
		"capacityRebalance": true, "waitForCapacityTimeout": "0"}))
	if ops := f.Operations(); ops[len(ops)-1].ModelSeconds != 20 {
		t.Errorf("a group of none takes %v model seconds, want those of the call", ops[len(ops)-1].ModelSeconds)
	}
}

// Weights count against the capacity; a base is paid by the hour, and above it a share, rounded up.
func TestMixedGroupLaunches(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	p := f.mixed(20, props{"onDemandBaseCapacity": 8, "onDemandPercentageAboveBaseCapacity": 25,
		"spotAllocationStrategy": "capacity-optimized"},
		nil, "c6id.large", "2", "m7g.large", "4", "m6g.large", "4")
	g := f.Create(aws.AutoScalingGroupType, "g", p)
	lifecycles := map[any]int{}
	for _, m := range f.Machines() {
		lifecycles[m.Outputs["instanceLifecycle"]]++
		if m.Tags["aws:autoscaling:groupName"] != g.ID || m.Outputs["instanceType"] != "m7g.large" {
			t.Errorf("%s of %s is tagged %v", m.Outputs["instanceType"], g.ID, m.Tags)
		}
	}
	if lifecycles[""] != 3 || lifecycles["spot"] != 2 {
		t.Errorf("paid as %v, want 3 machines by the hour and 2 spot", lifecycles)
	}
	p["desiredCapacity"] = 7
	g.Update(p)
	if n := len(f.Machines()); n != 2 {
		t.Errorf("%d machines of weight 4, want 2 for 7", n)
	}
}

// What a changed template or list of types and subnets would replace stays; only new machines are new.
func TestGroupChangesInPlace(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.mixed(1, props{}, nil, "m7g.large", ""))
	old := f.Machines()[0].ID
	f.template.Update(props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.xlarge"})
	g.Update(f.mixed(2, props{}, props{"vpcZoneIdentifiers": []any{f.b.ID}}, "m6g.large", ""))
	list := f.Machines()
	if len(list) != 2 || list[0].ID != old || list[0].Outputs["instanceType"] != "m7g.large" {
		t.Fatalf("machines %v, want the old one and a new one", list)
	}
	if m := list[1].Outputs; m["instanceType"] != "m6g.large" || m["availabilityZone"] != "us-west-1b" {
		t.Errorf("the new one is %v in %v", m["instanceType"], m["availabilityZone"])
	}
}

func TestTypeWithoutCapacity(t *testing.T) {
	f := newFleets(emulatortest.Start(t, "no-capacity=us-west-1a:m7g.large"))
	f.Create(aws.AutoScalingGroupType, "g", f.mixed(2, props{}, nil, "m7g.large", "", "m6g.large", ""))
	for _, m := range f.Machines() {
		if want := map[any]any{"us-west-1a": "m6g.large",
			"us-west-1b": "m7g.large"}; m.Outputs["instanceType"] != want[m.Outputs["availabilityZone"]] {
			t.Errorf("%v in %v", m.Outputs["instanceType"], m.Outputs["availabilityZone"])
		}
	}
}

// The agent, modelled, completes the launch hook when its work is done: boot 26, packages 45, self-check 3, registration 5.
func TestMachinesWaitInTheirLaunchHook(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	hook := func(more props) []any {
		h := props{"name": "ready", "lifecycleTransition": aws.LaunchTransition}
		for name, v := range more {
			h[name] = v
		}
		return []any{h}
	}
	for _, c := range []struct {
		name            string
		more            props
		seconds, inserv float64
	}{
		{"no hook", nil, 20 + 26, 46},
		{"a hook", props{"initialLifecycleHooks": hook(nil)}, 20 + 79, 99},
		{"not waiting", props{"initialLifecycleHooks": hook(nil), "waitForCapacityTimeout": "0"}, 20, 99},
		{"an impatient one that goes on", props{"initialLifecycleHooks": hook(props{"heartbeatTimeout": 60, "defaultResult": "CONTINUE"})}, 20 +
			60, 80},
	} {
		g := f.Create(aws.AutoScalingGroupType, "g", f.group(1, 1, 1, c.more))
		ops := f.Operations()
		if got := ops[len(ops)-1].ModelSeconds; got != c.seconds {
			t.Errorf("%s: took %v model seconds, want %v", c.name, got, c.seconds)
		}
		m := f.Machines()[0].Outputs
		if m["lifecycleState"] != "InService" || m["inServiceSeconds"] != c.inserv || m["launchedBy"] != float64(ops[len(ops)-1].Seq) {
			t.Errorf("%s: %v, in service after %v, launched by %v", c.name, m["lifecycleState"], m["inServiceSeconds"], m["launchedBy"])
		}
		g.Delete()
	}
	_, err := f.TryCreate(aws.AutoScalingGroupType, "never", f.group(1, 1, 1,
		props{"initialLifecycleHooks": hook(props{"heartbeatTimeout": 60})}))
	emulatortest.RequireRefusal(t, err, "want at least 1 healthy instance(s)",
		"lifecycle hook ready abandons a machine after 60 s, its agent needs 79 s")
}

// No call tells a group's first hooks, so what is known of an imported group has none. The group has them still.
func TestGroupKeepsHooksThatAnUpdateDoesNotName(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	hook := func(seconds int) props {
		return props{"initialLifecycleHooks": []any{props{"name": "ready", "lifecycleTransition": aws.LaunchTransition,
			"heartbeatTimeout": seconds}}}
	}
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(0, 0, 3, hook(600)))
	delete(g.Inputs.Fields, "initialLifecycleHooks")
	delete(g.State.Fields, "initialLifecycleHooks")
	g.Update(f.group(0, 0, 2, nil))
	g.Update(f.group(0, 1, 2, nil))
	if got := f.Machines()[0].Outputs["inServiceSeconds"]; got != 5.0+79 {
		t.Errorf("in service after %v, want the update's 5 and the agent's 79", got)
	}
	if told, ok := g.State.Fields["initialLifecycleHooks"]; ok {
		t.Errorf("an update tells hooks that it was not given: %v", told)
	}
	emulatortest.RequireRefusal(t, g.TryUpdate(f.group(0, 1, 2, hook(700))), "at creation only")
}

// Protection outlives a scale-in where nobody takes it off. Where there is an agent it does: no job ever runs here.
func TestScaleInProtection(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	p := f.group(0, 2, 2, props{"protectFromScaleIn": true})
	g := f.Create(aws.AutoScalingGroupType, "plain", p)
	p["desiredCapacity"] = 0
	g.Update(p)
	if n := len(f.Machines()); n != 2 {
		t.Errorf("%d machines, want the protected ones", n)
	}
	g.Delete() // the provider takes the protection off
	p = f.group(0, 2, 2, props{"protectFromScaleIn": true, "initialLifecycleHooks": []any{props{"name": "ready",
		"lifecycleTransition": aws.LaunchTransition}}})
	g = f.Create(aws.AutoScalingGroupType, "agents", p)
	p["desiredCapacity"] = 0
	g.Update(p)
	if n := len(f.Machines()); n != 0 {
		t.Errorf("%d machines, want none: the agents let go", n)
	}
}

func TestLifecycleHook(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(0, 0, 3, nil))
	with := func(more props) props {
		p := props{"autoscalingGroupName": g.ID, "name": "ready", "lifecycleTransition": aws.LaunchTransition}
		for name, v := range more {
			p[name] = v
		}
		return p
	}
	f.RequireCreateRefusal(aws.LifecycleHookType, with(props{"autoscalingGroupName": "none"}), "AutoScalingGroup name not found - none")
	f.RequireCreateRefusal(aws.LifecycleHookType, with(props{"lifecycleTransition": "autoscaling:EC2_INSTANCE_SLEEPING"}),
		"lifecycleTransition")
	f.RequireCreateRefusal(aws.LifecycleHookType, with(props{"heartbeatTimeout": 29}), "heartbeatTimeout: must be between 30 and 7200")
	f.RequireCreateRefusal(aws.LifecycleHookType, with(props{"defaultResult": "MAYBE"}), "defaultResult")
	f.RequireCreateRefusal(aws.LifecycleHookType, with(props{"notificationTargetArn": f.Create(aws.TopicType, "t", props{}).ID}),
		"roleArn must be set")
	h := f.Create(aws.LifecycleHookType, "h", with(nil))
	if h.ID != g.ID+"/ready" || h.Output("defaultResult") != "ABANDON" {
		t.Errorf("%s does %v", h.ID, h.Output("defaultResult"))
	}
	f.RequireCreateRefusal(aws.LifecycleHookType, with(nil), "AlreadyExists")
	h.Update(with(props{"heartbeatTimeout": 900}))
	emulatortest.RequireRefusal(t, h.TryUpdate(with(props{"autoscalingGroupName": f.Create(aws.AutoScalingGroupType, "other",
		f.group(0, 0, 1, nil)).ID})), "another group")
	g.Update(f.group(0, 1, 3, nil))
	if got := f.Machines()[0].Outputs["inServiceSeconds"]; got != 5.0+79 {
		t.Errorf("in service after %v, want the update's 5 and the agent's 79", got)
	}
	g.Delete()
	if r := f.Read(aws.LifecycleHookType, "h", h.ID, h.Inputs); r.ID != "" {
		t.Error("the hook outlives its group")
	}
}

func TestScalingPolicy(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	g := f.Create(aws.AutoScalingGroupType, "g", f.group(0, 0, 3, nil))
	metric := props{"metricName": "BusyRatio", "namespace": "Beachhead", "statistic": "Average"}
	with := func(more, tracking props) props {
		p := props{"autoscalingGroupName": g.ID, "name": "busy", "policyType": "TargetTrackingScaling"}
		for name, v := range more {
			p[name] = v
		}
		p["targetTrackingConfiguration"] = tracking
		return p
	}
	good := props{"targetValue": 0.7, "customizedMetricSpecification": metric}
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(props{"policyType": "StepScaling"}, good), "TargetTrackingScaling only")
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(props{"cooldown": 60}, good), "cooldown: the emulator has no rules")
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(nil, props{"targetValue": 0.7,
		"predefinedMetricSpecification": props{"predefinedMetricType": "x"}}), "no rules")
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(nil, props{"targetValue": 0, "customizedMetricSpecification": metric}),
		"must be above 0")
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(props{"autoscalingGroupName": "none"}, good), "name not found - none")
	math := func(list ...any) props {
		return with(nil, props{"targetValue": 1, "customizedMetricSpecification": props{"metrics": list}})
	}
	f.RequireCreateRefusal(aws.ScalingPolicyType, math(props{"id": "A", "expression": "b"}), "metrics[0].id")
	f.RequireCreateRefusal(aws.ScalingPolicyType, math(props{"id": "a", "expression": "b"}, props{"id": "b", "expression": "1"}),
		"exactly one query must have returnData true, 2 have")
	f.RequireCreateRefusal(aws.ScalingPolicyType, math(props{"id": "a", "expression": "a", "returnData": false},
		props{"id": "a", "expression": "1"}), "used more than once")
	policy := f.Create(aws.ScalingPolicyType, "p", with(nil, good))
	f.RequireCreateRefusal(aws.ScalingPolicyType, with(nil, good), "AlreadyExists")
	policy.Update(with(nil, props{"targetValue": 0.5, "customizedMetricSpecification": metric}))
	g.Delete()
}

func TestProcessorQuotas(t *testing.T) {
	f := newFleets(emulatortest.Start(t, "quota=L-1216C47A:5", "quota=L-34B43A08:2"))
	_, err := f.TryCreate(aws.AutoScalingGroupType, "hourly", f.group(3, 3, 3, nil))
	emulatortest.RequireRefusal(t, err, "want at least 3 healthy instance(s) in Auto Scaling Group, have 2", "VcpuLimitExceeded",
		"limit of 5", "6 would run")
	_, err = f.TryCreate(aws.AutoScalingGroupType, "spot", f.mixed(2, props{"onDemandPercentageAboveBaseCapacity": 0}, nil, "m7g.large", ""))
	emulatortest.RequireRefusal(t, err, "have 1", "MaxSpotInstanceCountExceeded")
}
