package emulator_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// keyPattern is what AWS accepts for a key, by the provider's documentation.
var keyPattern = regexp.MustCompile(`^[1-9A-Za-z_.][0-9A-Za-z_.]{7,63}$`)

// ends are what a connection needs at AWS's side.
type ends struct {
	*driver
	vpc, vgw, cgw *handle
}

func vpnEnds(d *driver) *ends {
	d.T.Helper()
	vpc := d.VPC("10.42.0.0/16")
	return &ends{d, vpc, d.Create(aws.VPNGatewayType, "vgw", props{"vpcId": vpc.ID}), newCustomer(d, 1)}
}

func newCustomer(d *driver, i int) *handle {
	d.T.Helper()
	return d.Create(aws.CustomerGatewayType, fmt.Sprint("cgw-", i), props{"bgpAsn": "64520", "type": "ipsec.1",
		"ipAddress": fmt.Sprintf("203.0.113.%d", i)})
}

// connection is a connection's inputs, with what a test adds.
func (e *ends) connection(more props) props {
	p := props{"customerGatewayId": e.cgw.ID, "vpnGatewayId": e.vgw.ID, "type": "ipsec.1"}
	maps.Copy(p, more)
	return p
}

func TestConnectionTellsItsTunnels(t *testing.T) {
	e := vpnEnds(emulatortest.Start(t))
	vpn := e.Create(aws.VPNConnectionType, "vpn", e.connection(props{"tunnel1InsideCidr": "169.254.20.4/30",
		"tunnel1PresharedKey": "given.key"}))
	for name, want := range map[string]any{"tunnel1VgwInsideAddress": "169.254.20.5", "tunnel1CgwInsideAddress": "169.254.20.6",
		"tunnel1BgpAsn": "64512", "tunnel1PresharedKey": "given.key", "tunnel2InsideCidr": "169.254.6.0/30",
		"tunnel2CgwInsideAddress": "169.254.6.2",
		"tunnel2BgpHoldtime":      30.0} {
		if got := vpn.Output(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if vpn.Output("tunnel1Address") == vpn.Output("tunnel2Address") || !cloud.IsIPv4(cloud.Text(vpn.Output("tunnel1Address"))) {
		t.Errorf("addresses %v and %v", vpn.Output("tunnel1Address"), vpn.Output("tunnel2Address"))
	}
	m, err := emulatortest.UnmarshalProperties(vpn.State)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []resource.PropertyKey{"tunnel1PresharedKey", "tunnel2PresharedKey", "customerGatewayConfiguration"} {
		if !m[name].IsSecret() {
			t.Errorf("%s is open", name)
		}
	}
	again := vpnEnds(emulatortest.Start(t))
	same := again.Create(aws.VPNConnectionType, "vpn", again.connection(props{"tunnel1InsideCidr": "169.254.20.4/30",
		"tunnel1PresharedKey": "given.key"}))
	if key := cloud.Text(same.Output("tunnel2PresharedKey")); key != vpn.Output("tunnel2PresharedKey") || !keyPattern.MatchString(key) {
		t.Errorf("the same calls gave the keys %q and %q", key, vpn.Output("tunnel2PresharedKey"))
	}
	if diff := vpn.Diff(e.connection(props{"tunnel1InsideCidr": "169.254.20.8/30",
		"tunnel1PresharedKey": "given.key"})); !slices.Equal(diff.GetReplaces(), []string{"tunnel1InsideCidr"}) {
		t.Errorf("another inside range replaces %v", diff.GetReplaces())
	}
	if diff := vpn.Diff(e.connection(props{"tunnel1InsideCidr": "169.254.20.4/30",
		"tunnel1PresharedKey": "other.key"})); len(diff.GetReplaces()) > 0 {
		t.Errorf("another key replaces %v", diff.GetReplaces())
	}
}

func TestConnectionRefusals(t *testing.T) {
	e := vpnEnds(emulatortest.Start(t))
	e.Create(aws.VPNConnectionType, "vpn", e.connection(props{"tunnel1InsideCidr": "169.254.20.0/30"}))
	for _, c := range []struct {
		more props
		want string
	}{
		{props{"tunnel1InsideCidr": "169.254.20.0/30"}, "tunnel1InsideCidr '169.254.20.0/30' is in use by vpn-"},
		{props{"tunnel1InsideCidr": "169.254.30.0/30", "tunnel2InsideCidr": "169.254.30.0/30"},
			"tunnel2InsideCidr '169.254.30.0/30' is in use by"},
		{props{"tunnel2InsideCidr": "169.254.169.252/30"}, "is reserved by AWS"},
		{props{"tunnel2InsideCidr": "169.254.5.0/30"}, "is reserved by AWS"},
		{props{"tunnel2InsideCidr": "169.254.30.0/29"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel2InsideCidr": "10.0.0.0/30"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel2InsideCidr": "169.254.30.1/30"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel1PresharedKey": "0leadingzero"}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": "short"}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": "base64+needs/these="}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": strings.Repeat("k", 65)}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1IkeVersions": []any{"ikev3"}}, "tunnel1IkeVersions[0]: ikev3 must be one of"},
		{props{"tunnel2Phase1DhGroupNumbers": []any{5}}, "tunnel2Phase1DhGroupNumbers[0]: 5 must be one of"},
		{props{"tunnel2Phase2EncryptionAlgorithms": []any{"3DES"}}, "3DES must be one of"},
		{props{"tunnel1Phase2LifetimeSeconds": 7200}, "tunnel1Phase2LifetimeSeconds: must be between 900 and 3600"},
		{props{"tunnel1DpdTimeoutSeconds": 10}, "tunnel1DpdTimeoutSeconds: must be between 30"},
		{props{"tunnel1DpdTimeoutAction": "hope"}, "tunnel1DpdTimeoutAction"},
		{props{"tunnel1StartupAction": "start", "tunnel1IkeVersions": []any{"ikev1"}}, "start needs IKEv2"},
		{props{"enableAcceleration": true}, "no rules for this property"},
		{props{"transitGatewayId": "tgw-1"}, "no rules for this property"},
		{props{"type": "ipsec.2"}, `type: "ipsec.2" must be one of ipsec.1`},
		{props{"vpnGatewayId": ""}, "exactly one of vpnGatewayId"},
	} {
		e.RequireCreateRefusal(aws.VPNConnectionType, e.connection(c.more), c.want)
	}
	good := props{}
	for _, n := range []string{"tunnel1", "tunnel2"} {
		maps.Copy(good, props{n + "IkeVersions": []any{"ikev2"}, n + "StartupAction": "start", n + "DpdTimeoutAction": "restart",
			n + "Phase1DhGroupNumbers": []any{20}, n + "Phase2DhGroupNumbers": []any{20}, n + "Phase1EncryptionAlgorithms": []any{"AES256"},
			n + "Phase2EncryptionAlgorithms": []any{"AES256"}, n + "Phase1IntegrityAlgorithms": []any{"SHA2-256"}, n +
				"Phase2IntegrityAlgorithms": []any{"SHA2-256"}})
	}
	e.Create(aws.VPNConnectionType, "one-proposal", e.connection(good))
}

// A bad key is refused without being told.
func TestKeysAreNotTold(t *testing.T) {
	e := vpnEnds(emulatortest.Start(t))
	_, err := e.TryCreate(aws.VPNConnectionType, "vpn",
		e.connection(props{"tunnel1PresharedKey": resource.MakeSecret(resource.NewProperty("0planted+secret"))}))
	if err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v", err)
	}
}

func TestCustomerGatewayRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	good := newCustomer(d, 1)
	gateway := func(name string, v any) props {
		p := props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": "203.0.113.7"}
		p[name] = v
		return p
	}
	d.RequireCreateRefusal(aws.CustomerGatewayType, gateway("ipAddress", "203.0.113.1"), "DuplicateIpAddress", good.ID)
	d.RequireCreateRefusal(aws.CustomerGatewayType, gateway("ipAddress", "203.0.113"), "valid IPv4 address")
	d.RequireCreateRefusal(aws.CustomerGatewayType, gateway("bgpAsn", "4200000000"), "want an ASN from 1 to 2147483647")
	d.RequireCreateRefusal(aws.CustomerGatewayType, gateway("bgpAsnExtended", "4200000000"),
		"bgpAsn and bgpAsnExtended cannot be set together")
	d.RequireCreateRefusal(aws.CustomerGatewayType, gateway("type", "gre"), "type")
	if diff := good.Diff(gateway("ipAddress", "203.0.113.2")); !slices.Equal(diff.GetReplaces(), []string{"ipAddress"}) {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
}

func TestVPNGatewayRefusals(t *testing.T) {
	e := vpnEnds(emulatortest.Start(t))
	e.RequireCreateRefusal(aws.VPNGatewayType, props{"vpcId": e.vpc.ID}, "already has a virtual private gateway attached", e.vgw.ID)
	e.RequireCreateRefusal(aws.VPNGatewayType, props{"amazonSideAsn": "65535"}, "want a private ASN")
	other := e.Create(aws.VPNGatewayType, "other", props{})
	e.RequireCreateRefusal(aws.VPNGatewayAttachmentType, props{"vpcId": e.vpc.ID, "vpnGatewayId": other.ID},
		"already has a virtual private gateway attached")
	table := e.Create(aws.RouteTableType, "t", props{"vpcId": e.vpc.ID})
	e.RequireCreateRefusal(aws.RoutePropagationType, props{"routeTableId": table.ID, "vpnGatewayId": other.ID}, "Gateway.NotAttached")
	second := e.VPC("10.43.0.0/16")
	attachment := e.Create(aws.VPNGatewayAttachmentType, "a", props{"vpcId": second.ID, "vpnGatewayId": other.ID})
	e.RequireCreateRefusal(aws.VPNGatewayAttachmentType, props{"vpcId": second.ID, "vpnGatewayId": other.ID},
		"attached to "+second.ID+" already")
	if got := e.Read(aws.VPNGatewayType, "other", other.ID, other.Inputs).Output("vpcId"); got != second.ID {
		t.Errorf("attached to %v", got)
	}
	e.Create(aws.RoutePropagationType, "p", props{"routeTableId": table.ID, "vpnGatewayId": e.vgw.ID})
	e.RequireCreateRefusal(aws.RoutePropagationType, props{"routeTableId": table.ID, "vpnGatewayId": e.vgw.ID}, "already")
	emulatortest.RequireRefusal(t, other.TryDelete(), "IncorrectState", attachment.ID)
}

func TestVPNQuotas(t *testing.T) {
	e := vpnEnds(emulatortest.Start(t, "quota=L-B91E5754:1", "quota=L-4FB7FF5D:2", "quota=L-7029FAB6:1"))
	e.Create(aws.VPNConnectionType, "vpn", e.connection(nil))
	e.RequireCreateRefusal(aws.VPNConnectionType, e.connection(nil), "VpnConnectionLimitExceeded", e.vgw.ID)
	newCustomer(e.driver, 2)
	_, err := e.TryCreate(aws.CustomerGatewayType, "c", props{"type": "ipsec.1", "ipAddress": "203.0.113.3"})
	emulatortest.RequireRefusal(t, err, "CustomerGatewayLimitExceeded")
	e.RequireCreateRefusal(aws.VPNGatewayType, props{}, "VpnGatewayLimitExceeded")
	full := vpnEnds(emulatortest.Start(t, "quota=L-3E6EC3A3:0"))
	full.RequireCreateRefusal(aws.VPNConnectionType, full.connection(nil), "VpnConnectionLimitExceeded")
}
