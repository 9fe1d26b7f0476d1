package aws

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SubnetReservationType is the Pulumi type token of a subnet CIDR reservation.
const SubnetReservationType = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"

// A reservation excludes addresses of a subnet from automatic assignment. A program can still request one of them, and an interface
// that has one already keeps it.
var subnetReservationKind = &cloud.Kind{
	Type: SubnetReservationType, IDPrefix: "scr",
	Missing:    "InvalidSubnetCidrReservationID.NotFound: The Subnet CIDR Reservation ID '%s' does not exist",
	References: []cloud.Reference{{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckSupported("reservationType", "explicit")
		if s := in.Text("cidrBlock"); s != "" {
			if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Masked() != p {
				in.Fail("cidrBlock", "%q is not a valid IPv4 CIDR block", s)
			}
		}
		return in.Failures()
	},
	ImportID: func(r *cloud.Record) string { return r.Text("subnetId") + ":" + r.ID },
	Create: func(c *cloud.Call) error {
		subnet := c.Find(c.New.Text("subnetId"), SubnetType)
		whole, err := netip.ParsePrefix(subnet.Text("cidrBlock"))
		if err != nil {
			return fmt.Errorf("range of %s: %w", subnet.ID, err)
		}
		p, err := netip.ParsePrefix(c.New.Text("cidrBlock"))
		if err != nil || !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
			return cloud.Refuse("InvalidParameterValue: The CIDR '%s' is not within the subnet's CIDR range. (%s has %s)", c.New.Text("cidrBlock"),
				subnet.ID, whole)
		}
		for _, other := range reservationsOf(c, subnet) {
			if other.prefix.Overlaps(p) {
				return cloud.Refuse("InvalidSubnetCidrReservation.Conflict: The CIDR '%s' conflicts with another reservation (%s has %s)", p, other.id,
					other.prefix)
			}
		}
		return nil
	},
}

// reservedRange is one reservation of a subnet.
type reservedRange struct {
	id     string
	prefix netip.Prefix
}

func reservationsOf(c *cloud.Call, subnet *cloud.Record) []reservedRange {
	var list []reservedRange
	for _, u := range c.State.ReferrersOf(subnet.Key) {
		if u.Type != SubnetReservationType {
			continue
		}
		if p, err := netip.ParsePrefix(u.Text("cidrBlock")); err == nil {
			list = append(list, reservedRange{u.ID, p})
		}
	}
	return list
}
