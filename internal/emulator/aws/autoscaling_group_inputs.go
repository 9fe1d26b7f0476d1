package aws

import (
	"fmt"
	"math"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

func checkGroupSizes(m resource.PropertyMap) []catalog.Failure {
	least, most, want := catalog.Bare(m["minSize"]), catalog.Bare(m["maxSize"]), catalog.Bare(m["desiredCapacity"])
	if !least.IsNumber() || !most.IsNumber() {
		return nil
	}
	lo, hi := least.NumberValue(), most.NumberValue()
	switch {
	case lo < 0 || lo > hi:
		return []catalog.Failure{{Property: "minSize", Reason: fmt.Sprintf(
			"ValidationError: Max bound, %v, must be greater than or equal to min bound, %v", hi, lo)}}
	case want.IsNumber() && (want.NumberValue() < lo || want.NumberValue() > hi):
		return []catalog.Failure{{Property: "desiredCapacity", Reason: fmt.Sprintf(
			"ValidationError: Desired capacity:%v must be between the specified min size:%v and max size:%v", want.NumberValue(), lo, hi)}}
	}
	return nil
}

// groupMetrics are the metrics that a group can publish.
var groupMetrics = []string{"GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
	"GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances", "GroupInServiceCapacity", "GroupPendingCapacity",
	"GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity"}

var groupProcesses = []string{"Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification",
	"ScheduledActions", "AddToLoadBalancer", "InstanceRefresh"}

// checkGroupInputs checks a group's inputs against the API's ranges and words.
func checkGroupInputs(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	if n, ok := in.Values["maxInstanceLifetime"].(float64); ok && n != 0 {
		in.CheckRange("maxInstanceLifetime", 86400, 31536000)
	}
	in.CheckEach("enabledMetrics", groupMetrics...)
	in.CheckEach("suspendedProcesses", groupProcesses...)
	in.CheckChoice("healthCheckType", "EC2", "ELB")
	in.CheckSupported("desiredCapacityType", "units")
	names := map[string]bool{}
	for _, h := range in.Items("initialLifecycleHooks") {
		checkHook(h)
		h.RefuseUnsupported("notificationTargetArn", "roleArn")
		if names[h.Text("name")] {
			h.Fail("name", "ValidationError: two hooks have the name %s", h.Text("name"))
		}
		names[h.Text("name")] = true
	}
	policy := in.Nested("mixedInstancesPolicy")
	checkDistribution(policy.Nested("instancesDistribution"))
	checkOverrides(policy.Nested("launchTemplate"))
	return append(checkGroupSizes(m), in.Failures()...)
}

func checkDistribution(in *cloud.Inputs) {
	in.CheckChoice("onDemandAllocationStrategy", "lowest-price", "prioritized")
	in.CheckChoice("spotAllocationStrategy", "capacity-optimized", "capacity-optimized-prioritized", "lowest-price",
		"price-capacity-optimized")
	in.CheckRange("onDemandBaseCapacity", 0, math.MaxInt32)
	in.CheckRange("onDemandPercentageAboveBaseCapacity", 0, 100)
	in.CheckRange("spotInstancePools", 0, 20)
	if s := in.Text("spotAllocationStrategy"); in.Has("spotInstancePools") && s != "" && s != "lowest-price" {
		in.Fail("spotInstancePools", "ValidationError: spotInstancePools is only available with the lowest-price spot allocation strategy")
	}
	if s := in.Text("spotMaxPrice"); s != "" {
		if price, err := strconv.ParseFloat(s, 64); err != nil || price <= 0 {
			in.Fail("spotMaxPrice", "%q is not a price", s)
		}
	}
}

func checkOverrides(in *cloud.Inputs) {
	overrides := in.Items("overrides")
	if len(overrides) > 40 {
		in.Fail("overrides", "ValidationError: at most 40 instance types may be set, got %d", len(overrides))
	}
	weighted, types := 0, map[string]bool{}
	for _, o := range overrides {
		o.RefuseUnsupported("instanceRequirements", "launchTemplateSpecification")
		if typ := o.Text("instanceType"); typ != "" && types[typ] {
			o.Fail("instanceType", "ValidationError: Instance type %s is listed more than once", typ)
		}
		types[o.Text("instanceType")] = true
		s := o.Text("weightedCapacity")
		if s == "" {
			continue
		}
		weighted++
		if n, err := strconv.Atoi(s); err != nil || n < 1 || n > 999 {
			o.Fail("weightedCapacity", "ValidationError: %q must be a whole number between 1 and 999", s)
		}
	}
	if weighted > 0 && weighted < len(overrides) {
		in.Fail("overrides", "ValidationError: weightedCapacity must be set for all instance types or for none")
	}
}
