package gcp_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

func TestRouterRefusals(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	router := func(bgp props) props { return props{"network": "default", "bgp": bgp} }
	for _, asn := range []int{1, 16550, 64511, 65535, 4199999999, 4294967295} {
		g.RequireCreateRefusal(gcp.RouterType, router(props{"asn": asn}), "want a private ASN")
	}
	g.Create(gcp.RouterType, "wide", router(props{"asn": 4200000000}))
	g.RequireCreateRefusal(gcp.RouterType, router(props{"asn": 64520, "advertisedIpRanges": []any{props{"range": "10.0.0.0/8"}}}),
		"is for advertiseMode CUSTOM only")
	g.RequireCreateRefusal(gcp.RouterType, router(props{"asn": 64520, "advertiseMode": "CUSTOM", "advertisedGroups": []any{"ALL"}}),
		`"ALL" must be one of`)
	g.RequireCreateRefusal(gcp.RouterType, router(props{"asn": 64520, "advertiseMode": "CUSTOM",
		"advertisedIpRanges": []any{props{"range": "10.0.0.1/8"}}}), "not a valid network range")
	g.RequireCreateRefusal(gcp.RouterType, router(props{"asn": 64520, "keepaliveInterval": 5}),
		"bgp.keepaliveInterval: must be between 20 and 60")
}
