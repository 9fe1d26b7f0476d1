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
	NetworkType  = "gcp:compute/network:Network"
	FirewallType = "gcp:compute/firewall:Firewall"
)

// defaultNetwork is the name of the network that every project begins with. The backend lives in it: it can be looked up, referred
// to and imported, and it cannot be deleted.
const defaultNetwork = "default"

// implicitNetwork returns the network that every project begins with, when a key names it.
func implicitNetwork(k Key) *Record {
	if k.Account == "" || !strings.HasSuffix(k.ID, "/networks/"+defaultNetwork) {
		return nil
	}
	return &Record{Key: k, Inputs: map[string]any{"name": defaultNetwork, "autoCreateSubnetworks": true, "project": k.Account},
		Outputs: map[string]any{"selfLink": selfLink(k.ID), "mtu": 1460.0, "numericId": numericID(k.ID), "routingMode": "REGIONAL",
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL", "description": "Default network for the project"},
		Extra: map[string]any{"given": true}}
}

// numericID stands for the numbers that Google gives things beside their names.
func numericID(id string) string { return strconv.Itoa(1e9 + int(crc32.ChecksumIEEE([]byte(id)))) }

// fingerprintOf stands for the hashes by which Google notices concurrent changes.
func fingerprintOf(v any) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(fmt.Append(nil, v)))
}

func networkKind() *Kind {
	return newKind(&Kind{
		Type: NetworkType, Global: true, Implicit: implicitNetwork,
		Defaults: map[string]any{"autoCreateSubnetworks": true, "deleteDefaultRoutesOnCreate": false,
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"},
		Unsupported: []string{"enableUlaInternalIpv6", "internalIpv6Range"},
		WriteOnly:   []string{"deleteDefaultRoutesOnCreate"},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckChoice("routingMode", "REGIONAL", "GLOBAL")
			l.CheckRange("mtu", 1300, 8896)
			return l.Failures()
		},
		Create: func(c *Call) error {
			c.New.Outputs["mtu"], c.New.Outputs["routingMode"] = 1460.0, "REGIONAL"
			c.New.Outputs["numericId"] = numericID(c.New.ID)
			return nil
		},
		Delete: func(c *Call) error {
			if Bool(c.Old.Extra["given"]) {
				return RefuseInUse(c.Kind.InUse+" (the backend lives in it)", c.Old.ID)
			}
			return nil
		},
	}, collectionID)
}

// AutoRanges are the subnets that Google makes in networks of auto mode, by region: its documentation lists them. Regions without
// an entry have none here.
var AutoRanges = map[string]string{
	"asia-northeast1": "10.146.0.0/20", "asia-southeast1": "10.148.0.0/20", "europe-west1": "10.132.0.0/20",
	"europe-west2": "10.154.0.0/20", "europe-west3": "10.156.0.0/20", "us-central1": "10.128.0.0/20", "us-east1": "10.142.0.0/20",
	"us-east4": "10.150.0.0/20", "us-west1": "10.138.0.0/20", "us-west2": "10.168.0.0/20", "us-west3": "10.180.0.0/20",
	"us-west4": "10.182.0.0/20",
}

// subnetworksOf lists the links of the subnets that Google made in a network.
func subnetworksOf(network *Record) []string {
	links := []string{}
	if network.Bool("autoCreateSubnetworks") {
		for _, region := range slices.Sorted(maps.Keys(AutoRanges)) {
			links = append(links, selfLink(fmt.Sprintf("projects/%s/regions/%s/subnetworks/%s", network.Account, region, network.Text("name"))))
		}
	}
	return links
}

func firewallKind() *Kind {
	return newKind(&Kind{
		Type: FirewallType, Global: true,
		Defaults:   map[string]any{"priority": 1000},
		ExactlyOne: [][]string{{"allows", "denies"}},
		AtMostOne: [][]string{{"sourceServiceAccounts", "sourceTags"}, {"sourceServiceAccounts", "targetTags"},
			{"targetServiceAccounts", "sourceTags"}, {"targetServiceAccounts", "targetTags"}},
		Sets:       []string{"allows", "denies"},
		References: []Reference{{Path: "network", To: []string{NetworkType}, OnDelete: Block}},
		Check:      checkFirewall,
		Create: func(c *Call) error {
			c.New.Outputs["direction"] = "INGRESS"
			return nil
		},
	}, collectionID)
}

var sourceInputs = []string{"sourceRanges", "sourceTags", "sourceServiceAccounts"}

func checkFirewall(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	l.CheckChoice("direction", "INGRESS", "EGRESS")
	l.CheckRange("priority", 0, 65535)
	switch _, set := m["direction"]; {
	case l.Text("direction") == "EGRESS" && len(GivenInputs(m, sourceInputs[1:])) > 0:
		l.Fail("direction", "an EGRESS rule has no source tags and no source service accounts")
	case (!set || l.Text("direction") == "INGRESS") && len(GivenInputs(m, sourceInputs)) == 0:
		l.Fail("sourceRanges", "one of source_tags, source_ranges, or source_service_accounts must be defined for an INGRESS rule")
	}
	checkPrefixes(l, "sourceRanges")
	checkPrefixes(l, "destinationRanges")
	for _, rule := range slices.Concat(l.Items("allows"), l.Items("denies")) {
		checkProtocol(rule)
	}
	return l.Failures()
}

// checkPrefixes wants a list of networks, each written as its first address and length.
func checkPrefixes(l *Inputs, name string) {
	for i, s := range Texts(l.Values[name]) {
		if p, err := netip.ParsePrefix(s); err != nil || p.Masked() != p {
			l.Fail(fmt.Sprintf("%s[%d]", name, i), "%q is not a valid network range", s)
		}
	}
}

var (
	protocolWord = regexp.MustCompile(`^(tcp|udp|icmp|esp|ah|sctp|ipip|all|[0-9]{1,3})$`)
	portRange    = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)
	withPorts    = []string{"tcp", "udp", "sctp"}
)

// checkProtocol wants a protocol and, where it has such, ports.
func checkProtocol(l *Inputs) {
	l.CheckPattern("protocol", protocolWord)
	ports := Texts(l.Values["ports"])
	if len(ports) > 0 && l.Has("protocol") && !slices.Contains(withPorts, l.Text("protocol")) {
		l.Fail("ports", "protocol %s has no ports", l.Text("protocol"))
	}
	for i, p := range ports {
		if ends := portRange.FindStringSubmatch(p); ends == nil || !isPortRange(ends[1], ends[2]) {
			l.Fail(fmt.Sprintf("ports[%d]", i), "%q is neither a port nor a range of ports", p)
		}
	}
}

func isPortRange(from, to string) bool {
	a, _ := strconv.Atoi(from)
	b := a
	if to != "" {
		b, _ = strconv.Atoi(to)
	}
	return a <= b && b <= 65535
}
