package gcplink

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// maxRoutes is how many routes AWS takes from one BGP session; with one more it drops the session. Source: AWS Site-to-Site VPN quotas.
const maxRoutes = 100

var (
	linkLocal = netip.MustParsePrefix("169.254.0.0/16")
	// reserved cannot be in a tunnel. Source: the AWS provider's vpnsite_connection.go for the first seven; the last range holds the
	// addresses at which machines find metadata and time.
	reserved = []netip.Prefix{
		netip.MustParsePrefix("169.254.0.0/30"), netip.MustParsePrefix("169.254.1.0/30"), netip.MustParsePrefix("169.254.2.0/30"),
		netip.MustParsePrefix("169.254.3.0/30"), netip.MustParsePrefix("169.254.4.0/30"), netip.MustParsePrefix("169.254.5.0/30"),
		netip.MustParsePrefix("169.254.169.252/30"), netip.MustParsePrefix("169.254.169.0/24"),
	}
)

// validate finds everything that a cloud would refuse minutes later, or would take and never let a tunnel come up.
func (a *Args) validate() error {
	if a == nil {
		return errors.New("a link needs arguments")
	}
	var errs *multierror.Error
	for _, check := range []func() []error{
		a.checkPlaces, a.checkNumbers, a.checkTunnels, a.checkRanges, a.checkServices, a.checkZones,
	} {
		errs = multierror.Append(errs, check()...)
	}
	return errs.ErrorOrNil()
}

func (a *Args) checkPlaces() []error {
	var errs []error
	if gcpName(a.Names) != a.Names {
		errs = append(errs, fmt.Errorf("names: %q; want at most 63 small letters, digits and hyphens, a letter first", a.Names))
	}
	if a.VPC == nil || a.Network == "" {
		errs = append(errs, errors.New("networks: the link needs one in each cloud"))
	}
	if len(a.RouteTables) == 0 {
		errs = append(errs, errors.New("route tables: none; nothing would find its way to GCP"))
	}
	for _, key := range slices.Sorted(maps.Keys(a.RouteTables)) {
		if a.RouteTables[key] == nil {
			errs = append(errs, fmt.Errorf("route tables: %s has no id", key))
		}
	}
	return errs
}

func (a *Args) checkNumbers() []error {
	var errs []error
	for _, side := range []struct {
		name string
		asn  int64
	}{{"AWS", a.AWSASN}, {"GCP", a.GCPASN}} {
		if (side.asn < 64512 || side.asn > 65534) && (side.asn < 4200000000 || side.asn > 4294967294) {
			errs = append(errs, fmt.Errorf("ASN of %s: %d; want 64512 to 65534 or 4200000000 to 4294967294", side.name, side.asn))
		}
	}
	if a.AWSASN == a.GCPASN {
		errs = append(errs, fmt.Errorf("ASNs: both sides have %d, and BGP takes equal numbers for one network", a.AWSASN))
	}
	return errs
}

func (a *Args) checkTunnels() []error {
	var errs []error
	for i, r := range a.Inside {
		switch {
		case !r.IsValid() || r.Bits() != 30 || r != r.Masked() || !linkLocal.Overlaps(r):
			errs = append(errs, fmt.Errorf("tunnel %d: inside range %s; want a /30 of 169.254.0.0/16", i, r))
		case slices.ContainsFunc(reserved, r.Overlaps):
			errs = append(errs, fmt.Errorf("tunnel %d: inside range %s is reserved", i, r))
		case slices.ContainsFunc(a.Inside[:i], r.Overlaps):
			errs = append(errs, fmt.Errorf("tunnel %d: inside range %s is another tunnel's", i, r))
		}
	}
	return errs
}

func (a *Args) checkRanges() []error {
	var errs []error
	if len(a.Advertised) == 0 || len(a.Advertised) > maxRoutes {
		errs = append(errs, fmt.Errorf("advertised: %d ranges; want 1 to %d", len(a.Advertised), maxRoutes))
	}
	// GCP takes a firewall rule without sources for one that lets in everybody.
	if len(a.Sources) == 0 {
		errs = append(errs, errors.New("sources: none; want the runners' ranges"))
	}
	for _, r := range slices.Concat(a.Advertised, a.Sources) {
		if !r.IsValid() || !r.Addr().Is4() || r != r.Masked() || r.Bits() == 0 {
			errs = append(errs, fmt.Errorf("range %s: want an IPv4 range that is not everything", r))
		}
	}
	return errs
}

func (a *Args) checkServices() []error {
	var errs []error
	seen := map[string]bool{}
	for _, s := range a.Services {
		holds := func(r netip.Prefix) bool { return r.Contains(s.Address) }
		if s.Name == "" || seen[s.Name] {
			errs = append(errs, fmt.Errorf("service %q: want a name of its own", s.Name))
		}
		if !slices.ContainsFunc(a.Advertised, holds) {
			errs = append(errs, fmt.Errorf("service %s: address %s is in no advertised range, so no route leads there", s.Name, s.Address))
		}
		// A rule without ports lets in to all of them.
		if len(s.Ports) == 0 || slices.Min(s.Ports) < 1 || slices.Max(s.Ports) > 65535 {
			errs = append(errs, fmt.Errorf("service %s: ports %v; want some of 1 to 65535", s.Name, s.Ports))
		}
		seen[s.Name] = true
	}
	return errs
}

func (a *Args) checkZones() []error {
	var errs []error
	zones, records := map[string]bool{}, map[string]bool{}
	for _, z := range a.Zones {
		if z.Name == "" || zones[z.Name] {
			errs = append(errs, fmt.Errorf("zone %q: want a name of its own", z.Name))
		}
		zones[z.Name] = true
		if len(z.Records) == 0 {
			errs = append(errs, fmt.Errorf("zone %s: without records it would hide the public name", z.Name))
		}
		for _, r := range z.Records {
			if why := r.wrong(z.Name); why != "" {
				errs = append(errs, fmt.Errorf("zone %s: record %s: %s", z.Name, r.Name, why))
			}
			// In two zones too: the nearer zone would hide the other's, and the two resources have one name.
			if records[r.Name] {
				errs = append(errs, fmt.Errorf("zone %s: record %s is there twice", z.Name, r.Name))
			}
			records[r.Name] = true
		}
	}
	return errs
}

// wrong says what Route 53 would refuse about a record of the zone; empty: nothing.
func (r Record) wrong(zone string) string {
	switch {
	case r.Name != zone && !strings.HasSuffix(r.Name, "."+zone):
		return "is outside the zone"
	case r.Type != "A" && r.Type != "CNAME":
		return "type " + r.Type + "; want A or CNAME"
	case r.Type == "CNAME" && (r.Name == zone || len(r.Values) != 1):
		return "a CNAME has one value and is not at the zone's own name"
	case len(r.Values) == 0 || r.TTL <= 0:
		return "wants values and a time to live"
	}
	return ""
}
