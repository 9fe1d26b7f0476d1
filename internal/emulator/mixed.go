package emulator

import (
	"math"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// groupMetrics are what a group can be told to publish.
var groupMetrics = []string{"GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
	"GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances", "GroupInServiceCapacity", "GroupPendingCapacity",
	"GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity"}

var groupProcesses = []string{"Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification",
	"ScheduledActions", "AddToLoadBalancer", "InstanceRefresh"}

// checkGroupInputs holds a group's inputs to the API's ranges and words.
func checkGroupInputs(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	if n, ok := l.Values["maxInstanceLifetime"].(float64); ok && n != 0 {
		l.CheckRange("maxInstanceLifetime", 86400, 31536000)
	}
	l.CheckEach("enabledMetrics", groupMetrics...)
	l.CheckEach("suspendedProcesses", groupProcesses...)
	l.CheckChoice("healthCheckType", "EC2", "ELB")
	l.CheckSupported("desiredCapacityType", "units")
	names := map[string]bool{}
	for _, h := range l.Items("initialLifecycleHooks") {
		checkHook(h)
		h.RefuseUnsupported("notificationTargetArn", "roleArn")
		if names[h.Text("name")] {
			h.Fail("name", "ValidationError: two hooks are called %s", h.Text("name"))
		}
		names[h.Text("name")] = true
	}
	policy := l.Nested("mixedInstancesPolicy")
	checkDistribution(policy.Nested("instancesDistribution"))
	checkOverrides(policy.Nested("launchTemplate"))
	return append(checkGroupSizes(m), l.Failures()...)
}

func checkDistribution(l *Inputs) {
	l.CheckChoice("onDemandAllocationStrategy", "lowest-price", "prioritized")
	l.CheckChoice("spotAllocationStrategy", "capacity-optimized", "capacity-optimized-prioritized", "lowest-price", "price-capacity-optimized")
	l.CheckRange("onDemandBaseCapacity", 0, math.MaxInt32)
	l.CheckRange("onDemandPercentageAboveBaseCapacity", 0, 100)
	l.CheckRange("spotInstancePools", 0, 20)
	if s := l.Text("spotAllocationStrategy"); l.Has("spotInstancePools") && s != "" && s != "lowest-price" {
		l.Fail("spotInstancePools", "ValidationError: spotInstancePools is only available with the lowest-price spot allocation strategy")
	}
	if s := l.Text("spotMaxPrice"); s != "" {
		if price, err := strconv.ParseFloat(s, 64); err != nil || price <= 0 {
			l.Fail("spotMaxPrice", "%q is no price", s)
		}
	}
}

func checkOverrides(l *Inputs) {
	overrides := l.Items("overrides")
	if len(overrides) > 40 {
		l.Fail("overrides", "ValidationError: at most 40 instance types may be given, there are %d", len(overrides))
	}
	weighted, types := 0, map[string]bool{}
	for _, o := range overrides {
		o.RefuseUnsupported("instanceRequirements", "launchTemplateSpecification")
		if typ := o.Text("instanceType"); typ != "" && types[typ] {
			o.Fail("instanceType", "ValidationError: Instance type %s is given more than once", typ)
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
		l.Fail("overrides", "ValidationError: weightedCapacity must be given for all instance types or for none")
	}
}

// isNextOnDemand says whether the next machine of a group is to be paid by the hour, with so much capacity there already: the base
// comes first, and above it AWS rounds in favour of on-demand.
func isNextOnDemand(group *Record, have, haveOnDemand int) bool {
	base, percent := 0, 100.0
	policy := Object(group.Inputs["mixedInstancesPolicy"])
	d := Object(policy["instancesDistribution"])
	if n, ok := d["onDemandBaseCapacity"]; ok {
		base = Number(n)
	}
	if n, ok := d["onDemandPercentageAboveBaseCapacity"].(float64); ok {
		percent = n
	}
	above := max(0, have+1-base)
	return haveOnDemand < min(have+1, base)+int(math.Ceil(float64(above)*percent/100))
}
