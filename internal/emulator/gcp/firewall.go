package gcp

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// FirewallType is the Pulumi type token of a firewall rule of a network.
const FirewallType = "gcp:compute/firewall:Firewall"

func firewallKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: FirewallType, Global: true,
		Defaults:   map[string]any{"priority": 1000},
		ExactlyOne: [][]string{{"allows", "denies"}},
		AtMostOne: [][]string{{"sourceServiceAccounts", "sourceTags"}, {"sourceServiceAccounts", "targetTags"},
			{"targetServiceAccounts", "sourceTags"}, {"targetServiceAccounts", "targetTags"}},
		Sets:       []string{"allows", "denies"},
		References: []cloud.Reference{{Path: "network", To: []string{NetworkType}, OnDelete: cloud.Block}},
		Check:      checkFirewall,
		Create: func(c *cloud.Call) error {
			c.New.Outputs["direction"] = "INGRESS"
			return nil
		},
	}, collectionID)
}

var sourceInputs = []string{"sourceRanges", "sourceTags", "sourceServiceAccounts"}

func checkFirewall(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckChoice("direction", "INGRESS", "EGRESS")
	in.CheckRange("priority", 0, 65535)
	switch _, set := m["direction"]; {
	case in.Text("direction") == "EGRESS" && len(cloud.GivenInputs(m, sourceInputs[1:])) > 0:
		in.Fail("direction", "an EGRESS rule has no source tags and no source service accounts")
	case (!set || in.Text("direction") == "INGRESS") && len(cloud.GivenInputs(m, sourceInputs)) == 0:
		in.Fail("sourceRanges", "one of source_tags, source_ranges, or source_service_accounts must be defined for an INGRESS rule")
	}
	checkPrefixes(in, "sourceRanges")
	checkPrefixes(in, "destinationRanges")
	for _, rule := range slices.Concat(in.Items("allows"), in.Items("denies")) {
		checkProtocol(rule)
	}
	return in.Failures()
}

// checkPrefixes requires a list of networks, each written as its first address and length.
func checkPrefixes(in *cloud.Inputs, name string) {
	for i, s := range cloud.Texts(in.Values[name]) {
		if p, err := netip.ParsePrefix(s); err != nil || p.Masked() != p {
			in.Fail(fmt.Sprintf("%s[%d]", name, i), "%q is not a valid network range", s)
		}
	}
}

var (
	protocolWord = regexp.MustCompile(`^(tcp|udp|icmp|esp|ah|sctp|ipip|all|[0-9]{1,3})$`)
	portRange    = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)
	withPorts    = []string{"tcp", "udp", "sctp"}
)

// checkProtocol requires a protocol, and ports only for protocols that have them.
func checkProtocol(in *cloud.Inputs) {
	in.CheckPattern("protocol", protocolWord)
	ports := cloud.Texts(in.Values["ports"])
	if len(ports) > 0 && in.Has("protocol") && !slices.Contains(withPorts, in.Text("protocol")) {
		in.Fail("ports", "protocol %s has no ports", in.Text("protocol"))
	}
	for i, p := range ports {
		if ends := portRange.FindStringSubmatch(p); ends == nil || !isPortRange(ends[1], ends[2]) {
			in.Fail(fmt.Sprintf("ports[%d]", i), "%q is neither a port nor a range of ports", p)
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
