package regionfile

import (
	"fmt"
	"slices"
)

// maxRuleRanges is the maximum number of address ranges of one Cloud Armor rule. Source: Google Cloud Armor, "Quotas and
// limits", IP address ranges per rule with basic match conditions.
const maxRuleRanges = 10

// checkSecurityPolicy checks that one rule can admit the region. It also checks the egress mode when gcp.path is private:
// operators switch the path when the link fails, which is too late to find out that the rule cannot admit the region.
func (k *checker) checkSecurityPolicy() {
	const p = keyPath("gcp.securityPolicy")
	if k.GCP == nil || k.GCP.SecurityPolicy == nil {
		return
	}
	if k.GCP.Path == PrivatePath {
		k.reportWarning(p, "has no effect while gcp.path is private", "gcp.path: public, or the section kept for a later switch to it")
	}
	if !k.areIntact("aws.zones", "network") {
		return
	}
	const fixed = "nat-gateway, nat-gateway-per-zone or nat-instance as network.egress, or no securityPolicy"
	switch count := k.countFixedAddresses(); {
	case k.Network.Egress == Public:
		k.reportError(p, "network.egress is public: every machine has its own address, and a rule cannot list them all", fixed)
	case k.Network.Egress == None:
		k.reportError(p, "network.egress is none, so the region has no public address to admit", fixed)
	case count > maxRuleRanges:
		k.reportError(p, fmt.Sprintf("the region has %d public addresses, and a Cloud Armor rule takes %d", count, maxRuleRanges),
			k.suggestFewerAddresses())
	case slices.Contains(k.Network.Keep, Public):
		k.reportWarning(p, "network.keep includes public, and the rule does not admit machines that have their own public addresses",
			"keep without public after the fleets have rolled over")
	}
}

// suggestFewerAddresses returns how to reduce the region's addresses to the size of one rule. Without kept modes, only a NAT
// gateway per zone can exceed it.
func (k *checker) suggestFewerAddresses() string {
	if len(k.Network.Keep) > 0 {
		return "fewer modes under network.keep, or fewer network.addresses"
	}
	return fmt.Sprintf("network.addresses of at most %d, or egress: nat-gateway", maxRuleRanges/len(k.AWS.Zones))
}
