package gcp

import (
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouterType is the Pulumi type token of a Cloud Router.
const RouterType = "gcp:compute/router:Router"

func routerKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type:        RouterType,
		Unsupported: []string{"encryptedInterconnectRouter"},
		References:  []cloud.Reference{{Path: "network", To: []string{NetworkType}, OnDelete: cloud.Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			bgp := in.Nested("bgp")
			if asn, ok := bgp.Values["asn"].(float64); ok && !cloud.IsPrivateASN(asn) {
				bgp.Fail("asn", "%.0f: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294 (RFC 6996)", asn)
			}
			bgp.CheckRange("keepaliveInterval", 20, 60)
			checkAdvertisement(bgp, "ALL_SUBNETS")
			return in.Failures()
		},
	}, collectionID)
}

// checkAdvertisement requires valid groups and ranges, and only in the mode CUSTOM.
func checkAdvertisement(in *cloud.Inputs, groups ...string) {
	in.CheckChoice("advertiseMode", "DEFAULT", "CUSTOM")
	custom := in.Text("advertiseMode") == "CUSTOM"
	for _, name := range []string{"advertisedGroups", "advertisedIpRanges"} {
		if list, _ := in.Values[name].([]any); len(list) > 0 && !custom {
			in.Fail(name, "is for advertiseMode CUSTOM only")
		}
	}
	for _, g := range cloud.Texts(in.Values["advertisedGroups"]) {
		if !slices.Contains(groups, g) {
			in.Fail("advertisedGroups", "%q must be one of %q", g, groups)
		}
	}
	for _, r := range in.Items("advertisedIpRanges") {
		if p, err := netip.ParsePrefix(r.Text("range")); r.Has("range") && (err != nil || p.Masked() != p) {
			r.Fail("range", "%q is not a valid network range", r.Text("range"))
		}
	}
}
