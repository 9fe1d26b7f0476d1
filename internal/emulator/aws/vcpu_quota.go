package aws

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// The quotas on processors that run, of the standard families together. What new accounts really have differs too much for a
// default to mean anything (docs/facts.md, section 3): they hold only where a fault sets them.
const (
	quotaVCPUs     = "L-1216C47A" // paid by the hour
	quotaSpotVCPUs = "L-34B43A08"
)

// checkVCPUQuota says why the next machine of an order would be one too many; nil when it is not.
func checkVCPUQuota(c *cloud.Call, o *launchOrder) error {
	code, words := quotaVCPUs, "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of %d allows"
	if o.spot {
		code, words = quotaSpotVCPUs, "MaxSpotInstanceCountExceeded: Max spot instance count exceeded: the limit is %d vCPU"
	}
	limit, set := c.QuotaOverride(code)
	if !set {
		return nil
	}
	typ, _ := ec2types.Lookup(o.typ)
	running := typ.VCPU
	for _, m := range c.ListHere(InstanceType) {
		if o.spot == (m.Text("instanceLifecycle") == "spot") {
			t, _ := ec2types.Lookup(m.Text("instanceType"))
			running += t.VCPU
		}
	}
	if running > limit {
		return fmt.Errorf(words+" (%d would run)", limit, running)
	}
	return nil
}
