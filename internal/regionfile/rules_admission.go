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
		k.warn(p, "does nothing while gcp.path is private", "gcp.path: public, or the section kept for the day of the switch")
	}
	if !k.sound("aws.zones", "network") {
		return
	}
	const fixed = "nat-gateway, nat-gateway-per-zone or nat-instance as network.egress, or no securityPolicy"
	switch count := k.fixedAddresses(); {
	case k.Network.Egress == Public:
		k.bad(p, "network.egress is public, where every machine has an address of its own that a rule cannot know", fixed)
	case k.Network.Egress == None:
		k.bad(p, "network.egress is none, so that there is no address to admit", fixed)
	case count > ruleRanges:
		k.bad(p, fmt.Sprintf("the region has %d public addresses, and a rule of Cloud Armor takes %d", count, ruleRanges), k.fewerAddresses())
	case slices.Contains(k.Network.Keep, Public):
		k.warn(p, "network.keep has public, and machines with public addresses of their own are not admitted",
			"keep without public once the fleets have rolled")
	}
}

// fewerAddresses says what brings the region's addresses within one rule. Without kept modes it is a gateway in each zone that goes beyond it.
func (k *checker) fewerAddresses() string {
	if len(k.Network.Keep) > 0 {
		return "fewer modes under network.keep, or fewer network.addresses"
	}
	return fmt.Sprintf("network.addresses of at most %d, or egress: nat-gateway", ruleRanges/len(k.AWS.Zones))
}
