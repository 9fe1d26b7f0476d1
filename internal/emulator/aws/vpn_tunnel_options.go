package aws

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
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
	l := cloud.ReadInputs(m)
	l.CheckChoice("type", "ipsec.1")
	l.CheckSupported("outsideIpAddressType", "PublicIpv4")
	l.CheckSupported("tunnelInsideIpVersion", "ipv4")
	for _, n := range []string{"tunnel1", "tunnel2"} {
		checkTunnelOptions(l, n)
	}
	return l.Failures()
}

// checkTunnelOptions looks at the options of one of a connection's tunnels.
func checkTunnelOptions(l *cloud.Inputs, n string) {
	l.CheckChoice(n+"StartupAction", "add", "start")
	l.CheckChoice(n+"DpdTimeoutAction", "clear", "none", "restart")
	checkTunnelLists(l, n)
	for _, name := range slices.Sorted(maps.Keys(tunnelLimits)) {
		l.CheckRange(n+name, tunnelLimits[name][0], tunnelLimits[name][1])
	}
	versions := cloud.Texts(l.Values[n+"IkeVersions"])
	if l.Text(n+"StartupAction") == "start" && len(versions) > 0 && !slices.Contains(versions, "ikev2") {
		l.Fail(n+"StartupAction", "start needs IKEv2 and the customer gateway's address")
	}
	// The value is a secret: not in the message.
	if key, given := l.Values[n+"PresharedKey"].(string); given && !presharedKey.MatchString(key) {
		l.Fail(n+"PresharedKey", "must be 8 to 64 letters, digits, underscores and periods, the first of them not 0")
	}
	if cidr, given := l.Values[n+"InsideCidr"].(string); given {
		if why := insideRangeFault(cidr); why != "" {
			l.Fail(n+"InsideCidr", "%q %s", cidr, why)
		}
	}
}

// checkTunnelLists looks at a tunnel's lists of what it offers.
func checkTunnelLists(l *cloud.Inputs, n string) {
	for _, name := range slices.Sorted(maps.Keys(tunnelOptions)) {
		words := tunnelOptions[name]
		list, _ := l.Values[n+name].([]any)
		for i, v := range list {
			if !slices.Contains(words, fmt.Sprint(v)) {
				l.Fail(fmt.Sprintf("%s%s[%d]", n, name, i), "%v must be one of %s", v, strings.Join(words, ", "))
			}
		}
	}
}

// insideRangeFault says what is wrong with a tunnel's inside range.
func insideRangeFault(cidr string) string {
	p, err := netip.ParsePrefix(cidr)
	switch {
	case err != nil || p.Masked() != p || p.Bits() != 30 || !cloud.LinkLocal.Contains(p.Addr()):
		return "must be a /30 in " + cloud.LinkLocal.String()
	case slices.Contains(reservedInside, cidr):
		return "is reserved by AWS"
	}
	return ""
}
