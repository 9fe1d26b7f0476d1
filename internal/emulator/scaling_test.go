package emulator

import (
	"testing"
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
		"launchTemplateSpecification": props{"launchTemplateId": f.template.id, "version": "$Latest"}, "overrides": overrides}}
	return p
}

func TestMixedGroupRefusals(t *testing.T) {
	f := fleets(open(t))
	none := props{}
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "0"), "overrides[0].weightedCapacity", "between 1 and 999")
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "x"), "between 1 and 999")
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "2", "m6g.large", ""), "for all instance types or for none")
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, none, nil, "m7g.large", "", "m7g.large", ""), "given more than once")
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, none, nil, "m7g.huge", ""), "Invalid instance type")
	for name, v := range map[string]any{"onDemandAllocationStrategy": "cheapest", "spotAllocationStrategy": "random", "onDemandBaseCapacity": -1,
		"onDemandPercentageAboveBaseCapacity": 101, "spotInstancePools": 21, "spotMaxPrice": "much"} {
		f.refusesToMake(AutoScalingGroupType, f.mixed(0, props{name: v}, nil, "m7g.large", ""), "mixedInstancesPolicy.instancesDistribution."+name)
	}
	f.refusesToMake(AutoScalingGroupType, f.mixed(0, props{"spotInstancePools": 2, "spotAllocationStrategy": "capacity-optimized"}, nil, "m7g.large", ""),
		"only available with the lowest-price")
	spot := f.make(LaunchTemplateType, "spot", props{"imageId": debian, "instanceMarketOptions": props{"marketType": "spot"}})
	p := f.mixed(0, none, nil, "m7g.large", "")
	p["mixedInstancesPolicy"].(props)["launchTemplate"].(props)["launchTemplateSpecification"] = props{"launchTemplateId": spot.id}
	f.refusesToMake(AutoScalingGroupType, p, "Incompatible launch template")
	for name, v := range map[string]any{"maxInstanceLifetime": 3600, "enabledMetrics": []any{"GroupMood"}, "suspendedProcesses": []any{"Thinking"},
		"healthCheckType": "ECG", "desiredCapacityType": "vcpu", "instanceRefresh": props{"strategy": "Rolling"}, "serviceLinkedRoleArn": "arn:aws:iam::1:role/x",
		"initialLifecycleHooks": []any{props{"name": "a", "lifecycleTransition": "sleep"}}} {
		f.refusesToMake(AutoScalingGroupType, f.group(0, 0, 1, props{name: v}), name)
	}
	f.make(AutoScalingGroupType, "good", f.group(0, 0, 1, props{"maxInstanceLifetime": 0, "enabledMetrics": []any{"GroupInServiceInstances"},
		"capacityRebalance": true, "waitForCapacityTimeout": "0"}))
	if ops := f.operations(); ops[len(ops)-1].ModelSeconds != 20 {
		t.Errorf("a group of none takes %v model seconds, want those of the call", ops[len(ops)-1].ModelSeconds)
	}
}

// Weights count against the capacity; a base is paid by the hour, and above it a share, rounded up.
func TestMixedGroupLaunches(t *testing.T) {
	f := fleets(open(t))
	p := f.mixed(20, props{"onDemandBaseCapacity": 8, "onDemandPercentageAboveBaseCapacity": 25, "spotAllocationStrategy": "capacity-optimized"},
		nil, "c6id.large", "2", "m7g.large", "4", "m6g.large", "4")
	g := f.make(AutoScalingGroupType, "g", p)
	lifecycles := map[any]int{}
	for _, m := range f.machines() {
		lifecycles[m.Outputs["instanceLifecycle"]]++
		if m.Tags[groupTag] != g.id || m.Outputs["instanceType"] != "m7g.large" {
			t.Errorf("%s of %s is tagged %v", m.Outputs["instanceType"], g.id, m.Tags)
		}
	}
	if lifecycles[""] != 3 || lifecycles["spot"] != 2 {
		t.Errorf("paid as %v, want 3 machines by the hour and 2 spot", lifecycles)
	}
	p["desiredCapacity"] = 7
	g.update(p)
	if n := len(f.machines()); n != 2 {
		t.Errorf("%d machines of weight 4, want 2 for 7", n)
	}
}

// What a changed template or list of types and subnets would replace stays; only new machines are new.
func TestGroupChangesInPlace(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.mixed(1, props{}, nil, "m7g.large", ""))
	old := f.machines()[0].ID
	f.template.update(props{"imageId": debian, "instanceType": "m7g.xlarge"})
	g.update(f.mixed(2, props{}, props{"vpcZoneIdentifiers": []any{f.b.id}}, "m6g.large", ""))
	list := f.machines()
	if len(list) != 2 || list[0].ID != old || list[0].Outputs["instanceType"] != "m7g.large" {
		t.Fatalf("machines %v, want the old one and a new one", list)
	}
	if m := list[1].Outputs; m["instanceType"] != "m6g.large" || m["availabilityZone"] != "us-west-1b" {
		t.Errorf("the new one is %v in %v", m["instanceType"], m["availabilityZone"])
	}
}

func TestTypeWithoutCapacity(t *testing.T) {
	f := fleets(open(t, "no-capacity=us-west-1a:m7g.large"))
	f.make(AutoScalingGroupType, "g", f.mixed(2, props{}, nil, "m7g.large", "", "m6g.large", ""))
	for _, m := range f.machines() {
		if want := map[any]any{"us-west-1a": "m6g.large", "us-west-1b": "m7g.large"}; m.Outputs["instanceType"] != want[m.Outputs["availabilityZone"]] {
			t.Errorf("%v in %v", m.Outputs["instanceType"], m.Outputs["availabilityZone"])
		}
	}
}

// The agent, modelled, completes the launch hook when its work is done: boot 26, packages 45, self-check 3, registration 5.
func TestMachinesWaitInTheirLaunchHook(t *testing.T) {
	f := fleets(open(t))
	hook := func(more props) []any {
		h := props{"name": "ready", "lifecycleTransition": LaunchTransition}
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
		{"an impatient one that goes on", props{"initialLifecycleHooks": hook(props{"heartbeatTimeout": 60, "defaultResult": "CONTINUE"})}, 20 + 60, 80},
	} {
		g := f.make(AutoScalingGroupType, "g", f.group(1, 1, 1, c.more))
		ops := f.operations()
		if got := ops[len(ops)-1].ModelSeconds; got != c.seconds {
			t.Errorf("%s: took %v model seconds, want %v", c.name, got, c.seconds)
		}
		m := f.machines()[0].Outputs
		if m["lifecycleState"] != "InService" || m["inServiceSeconds"] != c.inserv || m["launchedBy"] != float64(ops[len(ops)-1].Seq) {
			t.Errorf("%s: %v, in service after %v, launched by %v", c.name, m["lifecycleState"], m["inServiceSeconds"], m["launchedBy"])
		}
		g.delete()
	}
	_, err := f.try(AutoScalingGroupType, "never", f.group(1, 1, 1, props{"initialLifecycleHooks": hook(props{"heartbeatTimeout": 60})}))
	refuses(t, err, "want at least 1 healthy instance(s)", "lifecycle hook ready abandons a machine after 60 s, its agent needs 79 s")
}

// No call tells a group's first hooks, so what is known of an imported group has none. The group has them still.
func TestGroupKeepsHooksThatAnUpdateDoesNotName(t *testing.T) {
	f := fleets(open(t))
	hook := func(seconds int) props {
		return props{"initialLifecycleHooks": []any{props{"name": "ready", "lifecycleTransition": LaunchTransition, "heartbeatTimeout": seconds}}}
	}
	g := f.make(AutoScalingGroupType, "g", f.group(0, 0, 3, hook(600)))
	delete(g.inputs.Fields, "initialLifecycleHooks")
	delete(g.state.Fields, "initialLifecycleHooks")
	g.update(f.group(0, 0, 2, nil))
	g.update(f.group(0, 1, 2, nil))
	if got := f.machines()[0].Outputs["inServiceSeconds"]; got != 5.0+79 {
		t.Errorf("in service after %v, want the update's 5 and the agent's 79", got)
	}
	if told, ok := g.state.Fields["initialLifecycleHooks"]; ok {
		t.Errorf("an update tells hooks that it was not given: %v", told)
	}
	refuses(t, g.tryUpdate(f.group(0, 1, 2, hook(700))), "at creation only")
}

// Protection outlives a scale-in where nobody takes it off. Where there is an agent it does: no job ever runs here.
func TestScaleInProtection(t *testing.T) {
	f := fleets(open(t))
	p := f.group(0, 2, 2, props{"protectFromScaleIn": true})
	g := f.make(AutoScalingGroupType, "plain", p)
	p["desiredCapacity"] = 0
	g.update(p)
	if n := len(f.machines()); n != 2 {
		t.Errorf("%d machines, want the protected ones", n)
	}
	g.delete() // the provider takes the protection off
	p = f.group(0, 2, 2, props{"protectFromScaleIn": true, "initialLifecycleHooks": []any{props{"name": "ready", "lifecycleTransition": LaunchTransition}}})
	g = f.make(AutoScalingGroupType, "agents", p)
	p["desiredCapacity"] = 0
	g.update(p)
	if n := len(f.machines()); n != 0 {
		t.Errorf("%d machines, want none: the agents let go", n)
	}
}

func TestLifecycleHook(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.group(0, 0, 3, nil))
	with := func(more props) props {
		p := props{"autoscalingGroupName": g.id, "name": "ready", "lifecycleTransition": LaunchTransition}
		for name, v := range more {
			p[name] = v
		}
		return p
	}
	f.refusesToMake(LifecycleHookType, with(props{"autoscalingGroupName": "none"}), "AutoScalingGroup name not found - none")
	f.refusesToMake(LifecycleHookType, with(props{"lifecycleTransition": "autoscaling:EC2_INSTANCE_SLEEPING"}), "lifecycleTransition")
	f.refusesToMake(LifecycleHookType, with(props{"heartbeatTimeout": 29}), "heartbeatTimeout: must be between 30 and 7200")
	f.refusesToMake(LifecycleHookType, with(props{"defaultResult": "MAYBE"}), "defaultResult")
	f.refusesToMake(LifecycleHookType, with(props{"notificationTargetArn": f.make(TopicType, "t", props{}).id}), "roleArn must be given")
	h := f.make(LifecycleHookType, "h", with(nil))
	if h.id != g.id+"/ready" || h.out("defaultResult") != "ABANDON" {
		t.Errorf("%s does %v", h.id, h.out("defaultResult"))
	}
	f.refusesToMake(LifecycleHookType, with(nil), "AlreadyExists")
	h.update(with(props{"heartbeatTimeout": 900}))
	refuses(t, h.tryUpdate(with(props{"autoscalingGroupName": f.make(AutoScalingGroupType, "other", f.group(0, 0, 1, nil)).id})), "another group")
	g.update(f.group(0, 1, 3, nil))
	if got := f.machines()[0].Outputs["inServiceSeconds"]; got != 5.0+79 {
		t.Errorf("in service after %v, want the update's 5 and the agent's 79", got)
	}
	g.delete()
	if r := f.read(LifecycleHookType, "h", h.id, h.inputs); r.id != "" {
		t.Error("the hook outlives its group")
	}
}

func TestScalingPolicy(t *testing.T) {
	f := fleets(open(t))
	g := f.make(AutoScalingGroupType, "g", f.group(0, 0, 3, nil))
	metric := props{"metricName": "BusyRatio", "namespace": "Beachhead", "statistic": "Average"}
	with := func(more, tracking props) props {
		p := props{"autoscalingGroupName": g.id, "name": "busy", "policyType": "TargetTrackingScaling"}
		for name, v := range more {
			p[name] = v
		}
		p["targetTrackingConfiguration"] = tracking
		return p
	}
	good := props{"targetValue": 0.7, "customizedMetricSpecification": metric}
	f.refusesToMake(ScalingPolicyType, with(props{"policyType": "StepScaling"}, good), "TargetTrackingScaling only")
	f.refusesToMake(ScalingPolicyType, with(props{"cooldown": 60}, good), "cooldown: the emulator has no rules")
	f.refusesToMake(ScalingPolicyType, with(nil, props{"targetValue": 0.7, "predefinedMetricSpecification": props{"predefinedMetricType": "x"}}), "no rules")
	f.refusesToMake(ScalingPolicyType, with(nil, props{"targetValue": 0, "customizedMetricSpecification": metric}), "must be over 0")
	f.refusesToMake(ScalingPolicyType, with(props{"autoscalingGroupName": "none"}, good), "name not found - none")
	math := func(list ...any) props {
		return with(nil, props{"targetValue": 1, "customizedMetricSpecification": props{"metrics": list}})
	}
	f.refusesToMake(ScalingPolicyType, math(props{"id": "A", "expression": "b"}), "metrics[0].id")
	f.refusesToMake(ScalingPolicyType, math(props{"id": "a", "expression": "b"}, props{"id": "b", "expression": "1"}), "exactly one query must have returnData true, 2 have")
	f.refusesToMake(ScalingPolicyType, math(props{"id": "a", "expression": "a", "returnData": false}, props{"id": "a", "expression": "1"}), "used more than once")
	policy := f.make(ScalingPolicyType, "p", with(nil, good))
	f.refusesToMake(ScalingPolicyType, with(nil, good), "AlreadyExists")
	policy.update(with(nil, props{"targetValue": 0.5, "customizedMetricSpecification": metric}))
	g.delete()
}

func TestProcessorQuotas(t *testing.T) {
	f := fleets(open(t, "quota=L-1216C47A:5", "quota=L-34B43A08:2"))
	_, err := f.try(AutoScalingGroupType, "hourly", f.group(3, 3, 3, nil))
	refuses(t, err, "want at least 3 healthy instance(s) in Auto Scaling Group, have 2", "VcpuLimitExceeded", "limit of 5", "6 would run")
	_, err = f.try(AutoScalingGroupType, "spot", f.mixed(2, props{"onDemandPercentageAboveBaseCapacity": 0}, nil, "m7g.large", ""))
	refuses(t, err, "have 1", "MaxSpotInstanceCountExceeded")
}
