package aws

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// isNextOnDemand reports whether the next machine of a group is on demand, given the capacity so far. The base comes first; above it,
// AWS rounds in favour of on-demand.
func isNextOnDemand(group *cloud.Record, have, haveOnDemand int) bool {
	base, percent := 0, 100.0
	policy := cloud.Object(group.Inputs["mixedInstancesPolicy"])
	d := cloud.Object(policy["instancesDistribution"])
	if n, ok := d["onDemandBaseCapacity"]; ok {
		base = cloud.Number(n)
	}
	if n, ok := d["onDemandPercentageAboveBaseCapacity"].(float64); ok {
		percent = n
	}
	above := max(0, have+1-base)
	return haveOnDemand < min(have+1, base)+int(math.Ceil(float64(above)*percent/100))
}

// scaleGroup launches or terminates machines until the group has its desired capacity, and waits for the new ones, as the real provider
// does by default.
func scaleGroup(c *cloud.Call) error {
	c.Store(c.New) // machines refer to it
	want := c.New.Number("desiredCapacity")
	terminateSurplus(c, want)
	o, places, err := planLaunches(c)
	if err != nil {
		return err
	}
	ready, stuck := secondsToService(c.State, c.New)
	if stuck == nil && len(places) == 0 {
		stuck = noCapacityError(c)
	}
	o.inService = cloud.OperationSeconds(c.Kind, operationName(c), c.New) + ready
	machines := c.State.OwnedRecords(c.New.Key)
	total, hourly := countCapacity(machines)
	for n := len(machines); total < want; n++ {
		if stuck == nil {
			o.assignPlace(places[n%len(places)], total, hourly)
			stuck = checkVCPUQuota(c, &o)
		}
		if stuck != nil {
			failCapacityWait(c, want, total, stuck)
			return nil
		}
		if err := launchInstance(c, o); err != nil {
			return err
		}
		if total += o.weight; !o.spot {
			hourly += o.weight
		}
		if waitsForCapacity(c.New) {
			c.ExtraSeconds = ready
		}
	}
	return nil
}

// groupWaitSeconds returns how long the provider waits for the machines of a new group. It is 0 when the emulated cloud refuses the group,
// because no machine would reach service.
func groupWaitSeconds(s *cloud.State, group *cloud.Record) float64 {
	if max(group.Number("minSize"), group.Number("desiredCapacity")) <= 0 || !waitsForCapacity(group) {
		return 0
	}
	ready, err := secondsToService(s, group)
	if err != nil {
		return 0
	}
	return ready
}

// waitsForCapacity reports whether the provider waits for a group's machines.
func waitsForCapacity(group *cloud.Record) bool {
	timeout := group.Text("waitForCapacityTimeout")
	return timeout != "0" && timeout != "0s"
}

// failCapacityWait reports that the wait for capacity failed. The group stands, and the next update tries again.
func failCapacityWait(c *cloud.Call, want, have int, why error) {
	if !waitsForCapacity(c.New) {
		return
	}
	c.ExtraSeconds += parseTimeout(c.New.Text("waitForCapacityTimeout"), 600)
	c.Failed = fmt.Errorf("waiting for Auto Scaling Group (%s) capacity satisfied: want at least %d healthy instance(s) in Auto Scaling "+
		"Group, have %d: %w",
		c.New.ID, want, have, why)
}

// operationName returns the operation that the journal will record for the call.
func operationName(c *cloud.Call) string {
	if c.Old == nil {
		return "create"
	}
	return "update"
}

// terminateSurplus terminates the youngest machines above the desired capacity. It keeps a machine when the group would have too little
// capacity afterwards, and a protected one. An interface that existed before the machine stays.
func terminateSurplus(c *cloud.Call, want int) {
	machines := c.State.OwnedRecords(c.New.Key)
	total, _ := countCapacity(machines)
	for _, m := range slices.Backward(machines) {
		if weight := instanceWeight(m); total-weight >= want && !cloud.Bool(m.Extra["protected"]) {
			c.DropAll(m)
			total -= weight
		}
	}
}

// countCapacity returns the weight of some machines: of all, and of those on demand.
func countCapacity(machines []*cloud.Record) (total, hourly int) {
	for _, m := range machines {
		total += instanceWeight(m)
		if m.Text("instanceLifecycle") != "spot" {
			hourly += instanceWeight(m)
		}
	}
	return total, hourly
}

// instanceWeight returns how much a machine counts towards its group's desired capacity.
func instanceWeight(machine *cloud.Record) int { return max(1, cloud.Number(machine.Extra["weight"])) }

// noCapacityError returns the API's error for a lack of capacity in all zones.
func noCapacityError(c *cloud.Call) error {
	return fmt.Errorf("InsufficientInstanceCapacity: We currently do not have sufficient capacity in the Availability Zone you requested (%s)",
		strings.Join(cloud.Texts(c.State.OutputsOf(c.New)["availabilityZones"]), ", "))
}

// parseTimeout returns one of Terraform's durations, such as 10m, in seconds.
func parseTimeout(s string, otherwise float64) float64 {
	d, err := time.ParseDuration(s)
	if err != nil {
		return otherwise
	}
	return d.Seconds()
}
