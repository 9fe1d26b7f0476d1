package plan

// Quota is how much of a limited thing a region needs.
type Quota struct {
	// Code is Service Quotas' name for it.
	Code string `json:"code"`
	Name string `json:"name"`
	// Scope is what the quota counts in: a region, a zone or a VPC.
	Scope  string `json:"scope"`
	Needed int    `json:"needed"`
	// Default is what a new account has. Sources: the Amazon VPC user guide, "Amazon VPC quotas".
	Default int `json:"default"`
}

// Exceeds says whether a new account would need a raise first.
func (q Quota) Exceeds() bool { return q.Needed > q.Default }

func quotas(n Network) []Quota {
	addresses, perZone, gateways := 0, 0, 0
	for _, z := range n.Zones {
		addresses += z.NATAddresses
		if z.NATAddresses > 0 {
			perZone = 1
		}
		if z.NATInstance != nil {
			addresses++
		}
	}
	if n.Internet {
		gateways = 1
	}
	return []Quota{
		{Code: "L-F678F1CE", Name: "VPCs", Scope: "region", Needed: 1, Default: 5},
		{Code: "L-A4707A72", Name: "internet gateways", Scope: "region", Needed: gateways, Default: 5},
		{Code: "L-0263D0A3", Name: "Elastic IP addresses", Scope: "region", Needed: addresses, Default: 5},
		{Code: "L-FE5A380F", Name: "NAT gateways", Scope: "zone", Needed: perZone, Default: 5},
		{Code: "L-29B6F2EB", Name: "interface endpoints", Scope: "vpc", Needed: len(n.InterfaceEndpoints), Default: 50},
	}
}
