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

// tunnelOptions are the values that a tunnel's list options accept.
var tunnelOptions = map[string][]string{
	"IkeVersions":                {"ikev1", "ikev2"},
	"Phase1EncryptionAlgorithms": {"AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"},
	"Phase2EncryptionAlgorithms": {"AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"},
	"Phase1IntegrityAlgorithms":  {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"},
	"Phase2IntegrityAlgorithms":  {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"},
	"Phase1DhGroupNumbers":       {"2", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24"},
	"Phase2DhGroupNumbers":       {"2", "5", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24"},
}

// tunnelLimits are the minimum and maximum of a tunnel's numeric options.
var tunnelLimits = map[string][2]float64{
	"DpdTimeoutSeconds": {30, 3600}, "Phase1LifetimeSeconds": {900, 28800}, "Phase2LifetimeSeconds": {900, 3600},
	"RekeyFuzzPercentage": {0, 100}, "RekeyMarginTimeSeconds": {60, 1800}, "ReplayWindowSize": {64, 2048},
}

// presharedKey is the pattern of keys that AWS accepts, by the provider's documentation.
var presharedKey = regexp.MustCompile(`^[1-9A-Za-z_.][0-9A-Za-z_.]{7,63}$`)

// reservedInside are ranges that AWS reserves.
var reservedInside = []string{"169.254.0.0/30", "169.254.1.0/30", "169.254.2.0/30", "169.254.3.0/30", "169.254.4.0/30",
	"169.254.5.0/30", "169.254.169.252/30"}

func checkConnection(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckChoice("type", "ipsec.1")
	in.CheckSupported("outsideIpAddressType", "PublicIpv4")
	in.CheckSupported("tunnelInsideIpVersion", "ipv4")
	for _, n := range []string{"tunnel1", "tunnel2"} {
		checkTunnelOptions(in, n)
	}
	return in.Failures()
}

// checkTunnelOptions checks the options of one of a connection's tunnels.
func checkTunnelOptions(in *cloud.Inputs, n string) {
	in.CheckChoice(n+"StartupAction", "add", "start")
	in.CheckChoice(n+"DpdTimeoutAction", "clear", "none", "restart")
	checkTunnelLists(in, n)
	for _, name := range slices.Sorted(maps.Keys(tunnelLimits)) {
		in.CheckRange(n+name, tunnelLimits[name][0], tunnelLimits[name][1])
	}
	versions := cloud.Texts(in.Values[n+"IkeVersions"])
	if in.Text(n+"StartupAction") == "start" && len(versions) > 0 && !slices.Contains(versions, "ikev2") {
		in.Fail(n+"StartupAction", "start needs IKEv2 and the customer gateway's address")
	}
	// The message does not contain the value: it is a secret.
	if key, given := in.Values[n+"PresharedKey"].(string); given && !presharedKey.MatchString(key) {
		in.Fail(n+"PresharedKey", "must be 8 to 64 letters, digits, underscores and periods, the first of them not 0")
	}
	if cidr, given := in.Values[n+"InsideCidr"].(string); given {
		if why := insideRangeFault(cidr); why != "" {
			in.Fail(n+"InsideCidr", "%q %s", cidr, why)
		}
	}
}

// checkTunnelLists checks a tunnel's list options.
func checkTunnelLists(in *cloud.Inputs, n string) {
	for _, name := range slices.Sorted(maps.Keys(tunnelOptions)) {
		words := tunnelOptions[name]
		list, _ := in.Values[n+name].([]any)
		for i, v := range list {
			if !slices.Contains(words, fmt.Sprint(v)) {
				in.Fail(fmt.Sprintf("%s%s[%d]", n, name, i), "%v must be one of %s", v, strings.Join(words, ", "))
			}
		}
	}
}

// insideRangeFault returns why a tunnel's inside range is invalid, or an empty string.
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
