package aws

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// The quotas on running vCPUs, for the standard families together. The values of new accounts differ too much for a default
// (docs/facts.md, section 3): the quotas apply only when a fault sets them.
const (
	quotaVCPUs     = "L-1216C47A" // paid by the hour
	quotaSpotVCPUs = "L-34B43A08"
)

// checkVCPUQuota returns why the next machine of an order would exceed the quota, or nil.
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
