package emulator

import (
	"fmt"
	"hash/crc32"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	gcpNetworkType = "gcp:compute/network:Network"
	firewallType   = "gcp:compute/firewall:Firewall"
)

func init() {
	define(gcpNetworkKind(), firewallKind())
	lookups["gcp:compute/getNetwork:getNetwork"] = &lookup{kind: kindOf(gcpNetworkType), answer: getNetwork}
}

// defaultNetwork is the name of the network that every project begins with. The backend lives in it: it can be looked up, referred
// to and imported, and it cannot be deleted.
const defaultNetwork = "default"

// at returns what a key names, with what every project begins with.
func (s *State) at(k key) *record {
	if r := s.records[k]; r != nil || k.Type != gcpNetworkType || k.Account == "" || !strings.HasSuffix(k.ID, "/networks/"+defaultNetwork) {
		return r
	}
	return &record{key: k, Inputs: map[string]any{"name": defaultNetwork, "autoCreateSubnetworks": true, "project": k.Account},
		Outputs: map[string]any{"selfLink": googleLink(k.ID), "mtu": 1460.0, "numericId": numericID(k.ID), "routingMode": "REGIONAL",
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL", "description": "Default network for the project"},
		Extra: map[string]any{"given": true}}
}

// numericID stands for the numbers that Google gives things beside their names.
func numericID(id string) string { return strconv.Itoa(1e9 + int(crc32.ChecksumIEEE([]byte(id)))) }

// fingerprint stands for the hashes by which Google notices concurrent changes.
func fingerprint(v any) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(fmt.Append(nil, v)))
}

func gcpNetworkKind() *kind {
	return inGoogle(&kind{
		typ: gcpNetworkType, global: true,
		defaults: map[string]any{"autoCreateSubnetworks": true, "deleteDefaultRoutesOnCreate": false,
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"},
		refuse: []string{"enableUlaInternalIpv6", "internalIpv6Range"},
		unread: []string{"deleteDefaultRoutesOnCreate"},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.choice("routingMode", "REGIONAL", "GLOBAL")
			l.number("mtu", 1300, 8896)
			return l.failures()
		},
		create: func(c *call) error {
			c.rec.Outputs["mtu"], c.rec.Outputs["routingMode"] = 1460.0, "REGIONAL"
			c.rec.Outputs["numericId"] = numericID(c.rec.ID)
			return nil
		},
		remove: func(c *call) error {
			if flag(c.old.Extra["given"]) {
				return inUse(c.kind.inUse+" (the backend lives in it)", c.old.ID)
			}
			return nil
		},
	}, inCollection)
}

// autoRanges are the subnets that Google makes in networks of auto mode, by region: its documentation lists them. Regions without
// an entry have none here.
var autoRanges = map[string]string{
	"asia-northeast1": "10.146.0.0/20", "asia-southeast1": "10.148.0.0/20", "europe-west1": "10.132.0.0/20",
	"europe-west2": "10.154.0.0/20", "europe-west3": "10.156.0.0/20", "us-central1": "10.128.0.0/20", "us-east1": "10.142.0.0/20",
	"us-east4": "10.150.0.0/20", "us-west1": "10.138.0.0/20", "us-west2": "10.168.0.0/20", "us-west3": "10.180.0.0/20",
	"us-west4": "10.182.0.0/20",
}

// subnetworksOf lists the links of the subnets that Google made in a network.
func subnetworksOf(network *record) []string {
	links := []string{}
	if network.flag("autoCreateSubnetworks") {
		for _, region := range slices.Sorted(maps.Keys(autoRanges)) {
			links = append(links, googleLink(fmt.Sprintf("projects/%s/regions/%s/subnetworks/%s", network.Account, region, network.str("name"))))
		}
	}
	return links
}

func firewallKind() *kind {
	return inGoogle(&kind{
		typ: firewallType, global: true,
		defaults: map[string]any{"priority": 1000},
		oneOf:    [][]string{{"allows", "denies"}},
		notBoth: [][]string{{"sourceServiceAccounts", "sourceTags"}, {"sourceServiceAccounts", "targetTags"},
			{"targetServiceAccounts", "sourceTags"}, {"targetServiceAccounts", "targetTags"}},
		sets:  []string{"allows", "denies"},
		refs:  []ref{{path: "network", to: []string{gcpNetworkType}, when: holds}},
		check: checkFirewall,
		create: func(c *call) error {
			c.rec.Outputs["direction"] = "INGRESS"
			return nil
		},
	}, inCollection)
}

var sourceInputs = []string{"sourceRanges", "sourceTags", "sourceServiceAccounts"}

func checkFirewall(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.choice("direction", "INGRESS", "EGRESS")
	l.number("priority", 0, 65535)
	switch _, set := m["direction"]; {
	case l.str("direction") == "EGRESS" && len(given(m, sourceInputs[1:])) > 0:
		l.bad("direction", "an EGRESS rule has no source tags and no source service accounts")
	case (!set || l.str("direction") == "INGRESS") && len(given(m, sourceInputs)) == 0:
		l.bad("sourceRanges", "one of source_tags, source_ranges, or source_service_accounts must be defined for an INGRESS rule")
	}
	l.ranges("sourceRanges")
	l.ranges("destinationRanges")
	for _, rule := range slices.Concat(l.each("allows"), l.each("denies")) {
		rule.protocol()
	}
	return l.failures()
}

// ranges wants a list of networks, each written as its first address and length.
func (l *look) ranges(name string) {
	for i, s := range strs(l.in[name]) {
		if p, err := netip.ParsePrefix(s); err != nil || p.Masked() != p {
			l.bad(fmt.Sprintf("%s[%d]", name, i), "%q is not a valid network range", s)
		}
	}
}

var (
	protocolWord = regexp.MustCompile(`^(tcp|udp|icmp|esp|ah|sctp|ipip|all|[0-9]{1,3})$`)
	portRange    = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)
	withPorts    = []string{"tcp", "udp", "sctp"}
)

// protocol wants a protocol and, where it has such, ports.
func (l *look) protocol() {
	l.pattern("protocol", protocolWord)
	ports := strs(l.in["ports"])
	if len(ports) > 0 && l.has("protocol") && !slices.Contains(withPorts, l.str("protocol")) {
		l.bad("ports", "protocol %s has no ports", l.str("protocol"))
	}
	for i, p := range ports {
		if ends := portRange.FindStringSubmatch(p); ends == nil || !rising(ends[1], ends[2]) {
			l.bad(fmt.Sprintf("ports[%d]", i), "%q is neither a port nor a range of ports", p)
		}
	}
}

func rising(from, to string) bool {
	a, _ := strconv.Atoi(from)
	b := a
	if to != "" {
		b, _ = strconv.Atoi(to)
	}
	return a <= b && b <= 65535
}
