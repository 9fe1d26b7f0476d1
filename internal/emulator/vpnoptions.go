package emulator

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// tunnelOptions are the lists of words or numbers that a tunnel's options may hold.
var tunnelOptions = map[string][]string{
	"IkeVersions":                {"ikev1", "ikev2"},
	"Phase1EncryptionAlgorithms": {"AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"},
	"Phase2EncryptionAlgorithms": {"AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"},
	"Phase1IntegrityAlgorithms":  {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"},
	"Phase2IntegrityAlgorithms":  {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"},
	"Phase1DhGroupNumbers":       {"2", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24"},
	"Phase2DhGroupNumbers":       {"2", "5", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24"},
}

// tunnelLimits are the least and the most of a tunnel's numbers.
var tunnelLimits = map[string][2]float64{
	"DpdTimeoutSeconds": {30, 3600}, "Phase1LifetimeSeconds": {900, 28800}, "Phase2LifetimeSeconds": {900, 3600},
	"RekeyFuzzPercentage": {0, 100}, "RekeyMarginTimeSeconds": {60, 1800}, "ReplayWindowSize": {64, 2048},
}

// presharedKey are the keys that AWS takes; the provider's documentation gives the rule.
var presharedKey = regexp.MustCompile(`^[1-9A-Za-z_.][0-9A-Za-z_.]{7,63}$`)

// reservedInside are ranges that AWS keeps for itself.
var reservedInside = []string{"169.254.0.0/30", "169.254.1.0/30", "169.254.2.0/30", "169.254.3.0/30", "169.254.4.0/30",
	"169.254.5.0/30", "169.254.169.252/30"}

func checkConnection(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.choice("type", "ipsec.1")
	l.only("outsideIpAddressType", "PublicIpv4")
	l.only("tunnelInsideIpVersion", "ipv4")
	for _, n := range []string{"tunnel1", "tunnel2"} {
		l.tunnel(n)
	}
	return l.failures()
}

// tunnel looks at the options of one of a connection's tunnels.
func (l *look) tunnel(n string) {
	l.choice(n+"StartupAction", "add", "start")
	l.choice(n+"DpdTimeoutAction", "clear", "none", "restart")
	l.lists(n)
	for _, name := range slices.Sorted(maps.Keys(tunnelLimits)) {
		l.number(n+name, tunnelLimits[name][0], tunnelLimits[name][1])
	}
	versions := strs(l.in[n+"IkeVersions"])
	if l.str(n+"StartupAction") == "start" && len(versions) > 0 && !slices.Contains(versions, "ikev2") {
		l.bad(n+"StartupAction", "start needs IKEv2 and the customer gateway's address")
	}
	// The value is a secret: not in the message.
	if key, given := l.in[n+"PresharedKey"].(string); given && !presharedKey.MatchString(key) {
		l.bad(n+"PresharedKey", "must be 8 to 64 letters, digits, underscores and periods, the first of them not 0")
	}
	if cidr, given := l.in[n+"InsideCidr"].(string); given {
		if why := badInside(cidr); why != "" {
			l.bad(n+"InsideCidr", "%q %s", cidr, why)
		}
	}
}

// lists looks at a tunnel's lists of what it offers.
func (l *look) lists(n string) {
	for _, name := range slices.Sorted(maps.Keys(tunnelOptions)) {
		words := tunnelOptions[name]
		list, _ := l.in[n+name].([]any)
		for i, v := range list {
			if !slices.Contains(words, fmt.Sprint(v)) {
				l.bad(fmt.Sprintf("%s%s[%d]", n, name, i), "%v must be one of %s", v, strings.Join(words, ", "))
			}
		}
	}
}

// badInside says what is wrong with a tunnel's inside range.
func badInside(cidr string) string {
	p, err := netip.ParsePrefix(cidr)
	switch {
	case err != nil || p.Masked() != p || p.Bits() != 30 || !linkLocal.Contains(p.Addr()):
		return "must be a /30 in " + linkLocal.String()
	case slices.Contains(reservedInside, cidr):
		return "is reserved by AWS"
	}
	return ""
}
