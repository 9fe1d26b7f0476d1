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

// checkGroup holds a group's inputs to the API's ranges and words.
func checkGroup(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	if n, ok := l.in["maxInstanceLifetime"].(float64); ok && n != 0 {
		l.number("maxInstanceLifetime", 86400, 31536000)
	}
	for _, name := range strs(l.in["enabledMetrics"]) {
		(&look{in: map[string]any{"enabledMetrics": name}, at: l.at, found: l.found}).choice("enabledMetrics", groupMetrics...)
	}
	for _, name := range strs(l.in["suspendedProcesses"]) {
		(&look{in: map[string]any{"suspendedProcesses": name}, at: l.at, found: l.found}).choice("suspendedProcesses", groupProcesses...)
	}
	l.choice("healthCheckType", "EC2", "ELB")
	l.only("desiredCapacityType", "units")
	names := map[string]bool{}
	for _, h := range l.each("initialLifecycleHooks") {
		checkHook(h)
		h.noRules("notificationTargetArn", "roleArn")
		if names[h.str("name")] {
			h.bad("name", "ValidationError: two hooks are called %s", h.str("name"))
		}
		names[h.str("name")] = true
	}
	policy := l.under("mixedInstancesPolicy")
	checkDistribution(policy.under("instancesDistribution"))
	checkOverrides(policy.under("launchTemplate"))
	return append(checkGroupSizes(m), l.failures()...)
}

func checkDistribution(l *look) {
	l.choice("onDemandAllocationStrategy", "lowest-price", "prioritized")
	l.choice("spotAllocationStrategy", "capacity-optimized", "capacity-optimized-prioritized", "lowest-price", "price-capacity-optimized")
	l.number("onDemandBaseCapacity", 0, math.MaxInt32)
	l.number("onDemandPercentageAboveBaseCapacity", 0, 100)
	l.number("spotInstancePools", 0, 20)
	if s := l.str("spotAllocationStrategy"); l.has("spotInstancePools") && s != "" && s != "lowest-price" {
		l.bad("spotInstancePools", "ValidationError: spotInstancePools is only available with the lowest-price spot allocation strategy")
	}
	if s := l.str("spotMaxPrice"); s != "" {
		if price, err := strconv.ParseFloat(s, 64); err != nil || price <= 0 {
			l.bad("spotMaxPrice", "%q is no price", s)
		}
	}
}

func checkOverrides(l *look) {
	overrides := l.each("overrides")
	if len(overrides) > 40 {
		l.bad("overrides", "ValidationError: at most 40 instance types may be given, there are %d", len(overrides))
	}
	weighted, types := 0, map[string]bool{}
	for _, o := range overrides {
		o.noRules("instanceRequirements", "launchTemplateSpecification")
		if typ := o.str("instanceType"); typ != "" && types[typ] {
			o.bad("instanceType", "ValidationError: Instance type %s is given more than once", typ)
		}
		types[o.str("instanceType")] = true
		s := o.str("weightedCapacity")
		if s == "" {
			continue
		}
		weighted++
		if n, err := strconv.Atoi(s); err != nil || n < 1 || n > 999 {
			o.bad("weightedCapacity", "ValidationError: %q must be a whole number between 1 and 999", s)
		}
	}
	if weighted > 0 && weighted < len(overrides) {
		l.bad("overrides", "ValidationError: weightedCapacity must be given for all instance types or for none")
	}
}

// onDemand says whether the next machine of a group is to be paid by the hour, with so much capacity there already: the base
// comes first, and above it AWS rounds in favour of on-demand.
func onDemand(group *record, have, haveOnDemand int) bool {
	base, percent := 0, 100.0
	policy := obj(group.Inputs["mixedInstancesPolicy"])
	d := obj(policy["instancesDistribution"])
	if n, ok := d["onDemandBaseCapacity"]; ok {
		base = num(n)
	}
	if n, ok := d["onDemandPercentageAboveBaseCapacity"].(float64); ok {
		percent = n
	}
	above := max(0, have+1-base)
	return haveOnDemand < min(have+1, base)+int(math.Ceil(float64(above)*percent/100))
}
