package plan

import (
	"regexp"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

// Quota is the region's need of one AWS service quota.
type Quota struct {
	// Code is the code of the quota in Service Quotas.
	Code string `json:"code"`
	Name string `json:"name"`
	// Scope is the area for which AWS counts the quota: a region, a zone or a VPC.
	Scope  string `json:"scope"`
	Needed int    `json:"needed"`
	// Default is the value for a new account. Sources: the Amazon VPC user guide, "Amazon VPC quotas"; the Amazon EC2 user
	// guide, "Amazon EC2 service quotas" (vCPUs: real new accounts have had 5 to 32).
	Default int `json:"default"`
}

// ExceedsDefault reports whether a new account must raise the quota first.
func (q Quota) ExceedsDefault() bool { return q.Needed > q.Default }

func listQuotas(n Network, fleets []Fleet, c *Cache) []Quota {
	addresses, perZone := 0, 0
	for _, z := range n.Zones {
		addresses += z.NATAddresses
		if z.NATAddresses > 0 {
			perZone = 1
		}
		if z.NATInstance != nil {
			addresses++
		}
	}
	onDemand, spot := sumVCPUs(n, fleets, c)
	return []Quota{
		{Code: "L-F678F1CE", Name: "VPCs", Scope: "region", Needed: 1, Default: 5},
		{Code: "L-A4707A72", Name: "internet gateways", Scope: "region", Needed: 1, Default: 5},
		{Code: "L-0263D0A3", Name: "Elastic IP addresses", Scope: "region", Needed: addresses, Default: 5},
		{Code: "L-FE5A380F", Name: "NAT gateways", Scope: "zone", Needed: perZone, Default: 5},
		{Code: "L-29B6F2EB", Name: "interface endpoints", Scope: "vpc", Needed: len(n.InterfaceEndpoints), Default: 50},
		{Code: "L-1216C47A", Name: "vCPUs of standard instances on demand", Scope: "region", Needed: onDemand, Default: 5},
		{Code: "L-34B43A08", Name: "vCPUs of standard spot instances", Scope: "region", Needed: spot, Default: 5},
	}
}

// standardPattern matches the instance types that the two vCPU quotas count together: families A, C, D, H, I, M, R, T and Z.
// Other families, such as graphics and high memory, have quotas of their own. No region has needed them so far.
var standardPattern = regexp.MustCompile(`^([acdhmrtz]|i|im|is)[0-9]`)

// sumVCPUs returns what the region uses of the two quotas at its maximum size and in posture active, because a region in
// standby must be able to become active. A fleet counts completely if any of its types is standard.
func sumVCPUs(n Network, fleets []Fleet, c *Cache) (onDemand, spot int) {
	for _, f := range fleets {
		for _, t := range f.Types {
			if standardPattern.MatchString(t.Name) {
				o, s := f.countVCPUs()
				onDemand, spot = onDemand+o, spot+s
				break
			}
		}
	}
	if c != nil {
		onDemand += len(c.Shards) * largestVCPUs(c.InstanceTypes...)
	}
	for _, z := range n.Zones {
		if z.NATInstance != nil {
			onDemand += largestVCPUs(z.NATInstance.InstanceType)
		}
	}
	return onDemand, spot
}

// largestVCPUs returns the vCPUs of the largest standard type.
func largestVCPUs(types ...string) int {
	most := 0
	for _, name := range types {
		if t, known := ec2types.Lookup(name); known && standardPattern.MatchString(name) {
			most = max(most, t.VCPU)
		}
	}
	return most
}
