package aws

import (
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// CustomerGatewayType is the Pulumi type token of a customer gateway, AWS's record of the far end of a VPN connection.
const CustomerGatewayType = "aws:ec2/customerGateway:CustomerGateway"

const defaultCustomerASN = "65000"

func customerGatewayKind() *cloud.Kind {
	return &cloud.Kind{
		Type: CustomerGatewayType, IDPrefix: "cgw", ARN: "arn:aws:ec2:%s:%s:customer-gateway/%s",
		Missing:     "InvalidCustomerGatewayID.NotFound: The customerGateway ID '%s' does not exist",
		InUse:       "IncorrectState: The customer gateway '%s' is in use.",
		Unsupported: []string{"certificateArn"},
		ExactlyOne:  [][]string{{"ipAddress"}},
		AtMostOne:   [][]string{{"bgpAsn", "bgpAsnExtended"}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckChoice("type", "ipsec.1")
			checkASN(in, "bgpAsn", 1, 2147483647)
			checkASN(in, "bgpAsnExtended", 2147483648, 4294967295)
			if s := in.Text("ipAddress"); in.Has("ipAddress") && !cloud.IsIPv4(s) {
				in.Fail("ipAddress", "expected ipAddress to contain a valid IPv4 address, got: %s", s)
			}
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			here := c.ListHere(CustomerGatewayType)
			if len(here) >= c.Quota(quotaCustomerGateways) {
				return cloud.RefuseQuota("CustomerGatewayLimitExceeded: The maximum number of customer gateways has been reached (%s).",
					quotaCustomerGateways)
			}
			for _, other := range here {
				// The real API returns the existing gateway, and then two resources believe that they own it.
				if other.Text("ipAddress") == c.New.Text("ipAddress") && CustomerASN(other) == CustomerASN(c.New) {
					return cloud.Refuse("InvalidCustomerGateway.DuplicateIpAddress: Conflict among chosen gateway IP addresses: %s has %s and ASN %s "+
						"already",
						other.ID, other.Text("ipAddress"), CustomerASN(other))
				}
			}
			return nil
		},
	}
}

// checkASN requires an ASN, which AWS's types hold as text, between two bounds.
func checkASN(in *cloud.Inputs, name string, least, most uint64) {
	s, given := in.Values[name].(string)
	if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || n < least || n > most) {
		in.Fail(name, "%q: want an ASN from %d to %d", s, least, most)
	}
}

// CustomerASN returns a customer gateway's BGP ASN as text: bgpAsn, else bgpAsnExtended, else AWS's default, 65000.
func CustomerASN(r *cloud.Record) string {
	for _, name := range []string{"bgpAsn", "bgpAsnExtended"} {
		if s := r.Text(name); s != "" {
			return s
		}
	}
	return defaultCustomerASN
}
