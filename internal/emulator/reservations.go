package emulator

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const SubnetReservationType = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"

// A reservation keeps addresses of a subnet from being given out by themselves: who wants one says so. What has one already keeps it.
var subnetReservationKind = &Kind{
	Type: SubnetReservationType, IDPrefix: "scr",
	Missing:    "InvalidSubnetCidrReservationID.NotFound: The Subnet CIDR Reservation ID '%s' does not exist",
	References: []Reference{{Path: "subnetId", To: []string{SubnetType}, OnDelete: Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		l.CheckSupported("reservationType", "explicit")
		if s := l.Text("cidrBlock"); s != "" {
			if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Masked() != p {
				l.Fail("cidrBlock", "%q is not a valid IPv4 CIDR block", s)
			}
		}
		return l.Failures()
	},
	ImportID: func(r *Record) string { return r.Text("subnetId") + ":" + r.ID },
	Create: func(c *Call) error {
		subnet := c.Find(c.New.Text("subnetId"), SubnetType)
		whole, err := netip.ParsePrefix(subnet.Text("cidrBlock"))
		if err != nil {
			return fmt.Errorf("range of %s: %w", subnet.ID, err)
		}
		p, err := netip.ParsePrefix(c.New.Text("cidrBlock"))
		if err != nil || !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
			return Refuse("InvalidParameterValue: The CIDR '%s' is not within the subnet's CIDR range. (%s has %s)", c.New.Text("cidrBlock"), subnet.ID, whole)
		}
		for _, other := range reservationsOf(c, subnet) {
			if other.prefix.Overlaps(p) {
				return Refuse("InvalidSubnetCidrReservation.Conflict: The CIDR '%s' conflicts with another reservation (%s has %s)", p, other.id, other.prefix)
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

func reservationsOf(c *Call, subnet *Record) []reservedRange {
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
