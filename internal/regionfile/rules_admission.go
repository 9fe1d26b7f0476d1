package regionfile

import (
	"fmt"
	"slices"
)

// ruleRanges is the most address ranges of one Cloud Armor rule. Source: Google Cloud Armor, "Quotas and limits", IP address ranges per
// rule with basic match conditions.
const ruleRanges = 10

// securityPolicy checks that one rule can admit the region. The egress is judged on the private path too: the path is switched when the link
// fails, and that is no time to learn that the other way was never open.
func (k *checker) securityPolicy() {
	const p = place("gcp.securityPolicy")
	if k.GCP == nil || k.GCP.SecurityPolicy == nil {
		return
	}
	if k.GCP.Path == PrivatePath {
		k.warn(p, "has no effect while gcp.path is private", "gcp.path: public, or the section kept for a later switch to it")
	}
	if !k.sound("aws.zones", "network") {
		return
	}
	const fixed = "nat-gateway, nat-gateway-per-zone or nat-instance as network.egress, or no securityPolicy"
	switch count := k.fixedAddresses(); {
	case k.Network.Egress == Public:
		k.bad(p, "network.egress is public: every machine has its own address, and a rule cannot list them all", fixed)
	case k.Network.Egress == None:
		k.bad(p, "network.egress is none, so that there is not a valid address to admit", fixed)
	case count > ruleRanges:
		k.bad(p, fmt.Sprintf("the region has %d public addresses, and a Cloud Armor rule takes %d", count, ruleRanges), k.fewerAddresses())
	case slices.Contains(k.Network.Keep, Public):
		k.warn(p, "network.keep includes public, and the rule does not admit machines that have their own public addresses",
			"keep without public after the fleets have rolled over")
	}
}

// fewerAddresses says what brings the region's addresses within one rule. Without kept modes it is a gateway in each zone that goes beyond it.
func (k *checker) fewerAddresses() string {
	if len(k.Network.Keep) > 0 {
		return "fewer modes under network.keep, or fewer network.addresses"
	}
	return fmt.Sprintf("network.addresses of at most %d, or egress: nat-gateway", ruleRanges/len(k.AWS.Zones))
}
