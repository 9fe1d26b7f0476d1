package emulator

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const reservationType = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"

func init() {
	define(reservationKind)
}

// A reservation keeps addresses of a subnet from being given out by themselves: who wants one says so. What has one already keeps it.
var reservationKind = &kind{
	typ: reservationType, prefix: "scr",
	missing: "InvalidSubnetCidrReservationID.NotFound: The Subnet CIDR Reservation ID '%s' does not exist",
	refs:    []ref{{path: "subnetId", to: []string{subnetType}, when: holds}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.only("reservationType", "explicit")
		if s := l.str("cidrBlock"); s != "" {
			if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Masked() != p {
				l.bad("cidrBlock", "%q is not a valid IPv4 CIDR block", s)
			}
		}
		return l.failures()
	},
	importID: func(r *record) string { return r.str("subnetId") + ":" + r.ID },
	create: func(c *call) error {
		subnet := c.find(c.rec.str("subnetId"), subnetType)
		whole, err := netip.ParsePrefix(subnet.str("cidrBlock"))
		if err != nil {
			return fmt.Errorf("range of %s: %w", subnet.ID, err)
		}
		p, err := netip.ParsePrefix(c.rec.str("cidrBlock"))
		if err != nil || !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
			return refused("InvalidParameterValue: The CIDR '%s' is not within the subnet's CIDR range. (%s has %s)", c.rec.str("cidrBlock"), subnet.ID, whole)
		}
		for _, other := range c.reservations(subnet) {
			if other.prefix.Overlaps(p) {
				return refused("InvalidSubnetCidrReservation.Conflict: The CIDR '%s' conflicts with another reservation (%s has %s)", p, other.id, other.prefix)
			}
		}
		return nil
	},
}

// reserved is one reservation of a subnet.
type reserved struct {
	id     string
	prefix netip.Prefix
}

func (c *call) reservations(subnet *record) []reserved {
	var list []reserved
	for _, u := range c.st.usersOf(subnet.key) {
		if u.Type != reservationType {
			continue
		}
		if p, err := netip.ParsePrefix(u.str("cidrBlock")); err == nil {
			list = append(list, reserved{u.ID, p})
		}
	}
	return list
}
