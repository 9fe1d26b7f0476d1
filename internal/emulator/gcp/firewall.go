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
	l := cloud.ReadInputs(m)
	l.CheckChoice("direction", "INGRESS", "EGRESS")
	l.CheckRange("priority", 0, 65535)
	switch _, set := m["direction"]; {
	case l.Text("direction") == "EGRESS" && len(cloud.GivenInputs(m, sourceInputs[1:])) > 0:
		l.Fail("direction", "an EGRESS rule has no source tags and no source service accounts")
	case (!set || l.Text("direction") == "INGRESS") && len(cloud.GivenInputs(m, sourceInputs)) == 0:
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
func checkPrefixes(l *cloud.Inputs, name string) {
	for i, s := range cloud.Texts(l.Values[name]) {
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
func checkProtocol(l *cloud.Inputs) {
	l.CheckPattern("protocol", protocolWord)
	ports := cloud.Texts(l.Values["ports"])
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
