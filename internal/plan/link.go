package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Link is the plan of the region's HA VPN to GCP: two AWS connections of two tunnels each, to a GCP gateway with two
// interfaces.
type Link struct {
	Project string `json:"project"`
	Region  string `json:"region"`
	Network string `json:"network"`
	ASNs    ASNs   `json:"asns"`
	// Tunnels are the four tunnels, by number.
	Tunnels []Tunnel `json:"tunnels"`
	// Advertised are the ranges that the GCP router announces to AWS.
	Advertised []netip.Prefix `json:"advertised"`
	// Sources are the only ranges that GCP admits: the runner subnets.
	Sources []netip.Prefix `json:"sources"`
	// Services are the backend services that the sources can reach.
	Services []Service `json:"services"`
	// Zones are the private DNS zones of the region's network. Their names resolve to addresses behind the link.
	Zones []DNSZone `json:"zones"`
}

// ASNs are the BGP numbers of the two sides.
type ASNs struct {
	AWS int64 `json:"aws"`
	GCP int64 `json:"gcp"`
}

// Tunnel is one of the four tunnels, with its position on each side. Source of the pairing: Google Cloud, "Create HA VPN
// connections between Google Cloud and AWS".
type Tunnel struct {
	// Number, 0 to 3, is the key of the tunnel's resources.
	Number int `json:"number"`
	// Connection is the number of the AWS connection, 0 or 1. InConnection is the number of the tunnel in it, 1 or 2 as AWS
	// counts.
	Connection   int `json:"connection"`
	InConnection int `json:"inConnection"`
	// GCPInterface is the interface of the HA VPN gateway, 0 or 1. The connection's customer gateway has its address.
	GCPInterface int `json:"gcpInterface"`
	// ExternalInterface is the interface of GCP's external gateway, 0 to 3. It has AWS's address and the tunnel's number.
	ExternalInterface int `json:"externalInterface"`
	// Inside is the /30 in the tunnel. AWSAddress and GCPAddress are the two addresses in it.
	Inside     netip.Prefix `json:"inside"`
	AWSAddress netip.Addr   `json:"awsAddress"`
	GCPAddress netip.Addr   `json:"gcpAddress"`
}

// Service is a backend service: TCP to the ports of one address.
type Service struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	Ports   []int      `json:"ports"`
}

// DNSZone is a private DNS zone with all of its records.
type DNSZone struct {
	Name    string      `json:"name"`
	Records []DNSRecord `json:"records"`
}

// DNSRecord is one record of a private zone.
type DNSRecord struct {
	Name string `json:"name"`
	// Type is A or CNAME. TTL is in seconds.
	Type   string   `json:"type"`
	TTL    int      `json:"ttl"`
	Values []string `json:"values"`
}

const (
	tunnels    = 4
	tunnelBits = 30
	// serviceTTL is short, so that a changed path reaches the runners while an operator watches.
	serviceTTL = 30
	googleTTL  = 300
)

// googleRanges are the addresses of Google APIs for clients behind a link. Source: Google Cloud, "Configure Private Google
// Access for on-premises hosts".
var googleRanges = map[regionfile.GoogleAPIs]netip.Prefix{
	regionfile.PrivateAPIs:    netip.MustParsePrefix("199.36.153.8/30"),
	regionfile.RestrictedAPIs: netip.MustParsePrefix("199.36.153.4/30"),
}

// googleDomains are the domains of the APIs and of the two container registries.
var googleDomains = []string{"gcr.io", "googleapis.com", "pkg.dev"}

// buildLink returns the plan of the link, or nil for a region without a link.
func buildLink(c *regionfile.Config, n Network) (*Link, error) {
	g := c.GCP
	if g == nil || g.Link != regionfile.HAVPN {
		return nil, nil
	}
	four, err := cutTunnels(g.TunnelRange)
	if err != nil {
		return nil, err
	}
	l := &Link{
		Project: g.Project, Region: g.Region, Network: g.Network, ASNs: ASNs{AWS: g.ASN.AWS, GCP: g.ASN.GCP},
		Tunnels: four, Advertised: slices.Clone(g.Ranges), Sources: n.listRunnerRanges(), Services: []Service{}, Zones: []DNSZone{},
	}
	for _, s := range g.Services {
		l.Services = append(l.Services, Service{Name: s.Name, Address: s.Address, Ports: slices.Sorted(slices.Values(s.Ports))})
		if g.Path == regionfile.PrivatePath {
			l.Zones = append(l.Zones, planServiceZone(s))
		}
	}
	if apis, private := googleRanges[g.GoogleAPIs]; private {
		l.Advertised = append(l.Advertised, apis)
		for _, domain := range googleDomains {
			l.Zones = append(l.Zones, planGoogleZone(domain, apis))
		}
	}
	slices.SortFunc(l.Advertised, netip.Prefix.Compare)
	slices.SortFunc(l.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Zones, func(a, b DNSZone) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// cutTunnels divides a /28 into the /30s of the four tunnels. In each, AWS has the first host, as it requires, and GCP the
// second.
func cutTunnels(r netip.Prefix) ([]Tunnel, error) {
	if !r.IsValid() || !r.Addr().Is4() || r.Bits() != 28 || r != r.Masked() {
		return nil, fmt.Errorf("the tunnel range %q is not valid; want a /28 of link-local addresses", r)
	}
	four := make([]Tunnel, tunnels)
	for i := range four {
		first := addressAfter(r.Addr(), blockOffset(i, tunnelBits))
		four[i] = Tunnel{
			Number: i, Connection: i / 2, InConnection: i%2 + 1, GCPInterface: i / 2, ExternalInterface: i,
			Inside: netip.PrefixFrom(first, tunnelBits), AWSAddress: addressAfter(first, 1), GCPAddress: addressAfter(first, 2),
		}
	}
	return four, nil
}

// planServiceZone returns a DNS zone for the service's host alone. Refused: a zone for the parent domain, because it would
// hide every public name of that domain from the region. For the same reason no zone exists with path public: an empty zone
// would hide the host.
func planServiceZone(s regionfile.Service) DNSZone {
	return DNSZone{Name: s.Host, Records: []DNSRecord{{Name: s.Host, Type: "A", TTL: serviceTTL, Values: []string{s.Address.String()}}}}
}

// planGoogleZone returns a DNS zone that resolves one of Google's domains, and all names in it, to the four addresses.
func planGoogleZone(domain string, apis netip.Prefix) DNSZone {
	var four []string
	for i := range uint32(4) {
		four = append(four, addressAfter(apis.Addr(), i).String())
	}
	return DNSZone{Name: domain, Records: []DNSRecord{
		{Name: domain, Type: "A", TTL: googleTTL, Values: four},
		{Name: "*." + domain, Type: "CNAME", TTL: googleTTL, Values: []string{domain}},
	}}
}
