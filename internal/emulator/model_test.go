package emulator_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// The model says the same seconds as the emulated cloud's own clock, whichever way a kind comes by them.
func TestModelSeconds(t *testing.T) {
	group := func(edit func(map[string]any)) map[string]any {
		inputs := map[string]any{"minSize": 1.0, "maxSize": 1.0, "desiredCapacity": 1.0}
		edit(inputs)
		return inputs
	}
	hook := func(seconds float64) []any {
		return []any{map[string]any{
			"name": "ready", "lifecycleTransition": aws.LaunchTransition, "defaultResult": aws.AbandonResult, "heartbeatTimeout": seconds,
		}}
	}
	for name, c := range map[string]struct {
		typ, op string
		inputs  map[string]any
		want    float64
	}{
		"table":                 {aws.VPCType, "create", nil, 15},
		"default":               {aws.RouteTableType, "create", nil, 2},
		"no such type":          {"aws:none/none:None", "create", nil, 2},
		"attachment":            {aws.VolumeAttachmentType, "create", nil, 25},
		"gateway endpoint":      {aws.VPCEndpointType, "create", map[string]any{"vpcEndpointType": "Gateway"}, 6},
		"interface endpoint":    {aws.VPCEndpointType, "create", map[string]any{"vpcEndpointType": "Interface"}, 90},
		"private subnet":        {aws.SubnetType, "create", map[string]any{"mapPublicIpOnLaunch": false}, 2},
		"public subnet":         {aws.SubnetType, "create", map[string]any{"mapPublicIpOnLaunch": true}, 12},
		"update":                {aws.NATGatewayType, "update", nil, 26.25},
		"delete":                {aws.RouteTableType, "delete", nil, 1},
		"group and its machine": {aws.AutoScalingGroupType, "create", group(func(map[string]any) {}), 46},
		"update of a group":     {aws.AutoScalingGroupType, "update", group(func(map[string]any) {}), 5},
		"group without waiting": {aws.AutoScalingGroupType, "create", group(func(m map[string]any) { m["waitForCapacityTimeout"] = "0" }), 20},
		"empty group": {aws.AutoScalingGroupType, "create", group(func(m map[string]any) {
			m["minSize"], m["desiredCapacity"] = 0.0,
				0.0
		}), 20},
		"group with a hook": {aws.AutoScalingGroupType, "create", group(func(m map[string]any) { m["initialLifecycleHooks"] = hook(600) }),
			99},
		"impatient hook": {aws.AutoScalingGroupType, "create", group(func(m map[string]any) { m["initialLifecycleHooks"] = hook(30) }),
			20},
	} {
		if got := emulator.ModelSeconds(c.typ, c.op, c.inputs); got != c.want {
			t.Errorf("%s: %g s, want %g", name, got, c.want)
		}
	}
}

func TestMachineModel(t *testing.T) {
	want := cloud.Machine{LaunchToLogin: 26, Packages: 45, PackagesWithBakedImage: 5, SelfCheck: 3, Register: 5}
	if got := cloud.MachineModel(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
