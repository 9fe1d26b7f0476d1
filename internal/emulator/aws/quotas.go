package aws

// Quotas by their codes in Service Quotas. The values are the documented defaults (docs/facts.md, section 3), each per region unless
// its name says otherwise.
const (
	quotaAddresses          = "L-0263D0A3"
	quotaVPCs               = "L-F678F1CE"
	quotaInternetGateways   = "L-A4707A72"
	quotaNATGatewaysPerZone = "L-FE5A380F"
	quotaAddressesPerNAT    = "L-5F53652F"
	quotaRulesPerGroup      = "L-0EA8095F" // each way
	quotaGroupsPerInterface = "L-2AFB9258"
	quotaRoutesPerTable     = "L-93826ACB"
	quotaGatewayEndpoints   = "L-1B52E74A"
	quotaInterfaceEndpoints = "L-29B6F2EB" // per VPC
)

var quotas = map[string]int{
	quotaAddresses: 5, quotaVPCs: 5, quotaInternetGateways: 5, quotaNATGatewaysPerZone: 5, quotaAddressesPerNAT: 2,
	quotaRulesPerGroup: 60, quotaGroupsPerInterface: 5, quotaRoutesPerTable: 50,
	quotaGatewayEndpoints: 20, quotaInterfaceEndpoints: 50, quotaCustomerGateways: 50, quotaVPNGateways: 5,
	quotaVPNConnections: 50, quotaVPNsPerGateway: 10,
}

const quotaCustomerGateways = "L-4FB7FF5D"

const quotaVPNGateways = "L-7029FAB6"

const quotaVPNConnections = "L-3E6EC3A3"

const quotaVPNsPerGateway = "L-B91E5754"
