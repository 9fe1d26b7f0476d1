package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Link is the plan of the region's HA VPN to GCP: two AWS connections of two tunnels each to a GCP gateway of two interfaces.
type Link struct {
	Project string `json:"project"`
	Region  string `json:"region"`
	Network string `json:"network"`
	ASNs    ASNs   `json:"asns"`
	// Tunnels are the four, by number.
	Tunnels []Tunnel `json:"tunnels"`
	// Advertised are the ranges that the GCP router announces to AWS.
	Advertised []netip.Prefix `json:"advertised"`
	// Sources are the ranges that GCP lets in: the runner subnets and nothing else.
	Sources []netip.Prefix `json:"sources"`
	// Services is what they reach.
	Services []Service `json:"services"`
	// Zones are the private DNS zones of the region's network that lead names over the link.
	Zones []DNSZone `json:"zones"`
}

// ASNs are the BGP numbers of the two sides.
type ASNs struct {
	AWS int64 `json:"aws"`
	GCP int64 `json:"gcp"`
}

// Tunnel is one of the four, with its place on either side. Source of the pairing: Google Cloud, "Create HA VPN connections between
// Google Cloud and AWS".
type Tunnel struct {
	// Number, 0 to 3, keys the tunnel's resources, and is that of GCP's external gateway interface for AWS's address.
	Number int `json:"number"`
	// Connection is the AWS connection, 0 or 1, and InConnection the tunnel in it, 1 or 2 as AWS counts.
	Connection   int `json:"connection"`
	InConnection int `json:"inConnection"`
	// GCPInterface is that of the HA VPN gateway, 0 or 1: the one whose address the connection's customer gateway has.
	GCPInterface int `json:"gcpInterface"`
	// ExternalInterface is that of GCP's external gateway, 0 to 3.
	ExternalInterface int `json:"externalInterface"`
	// Inside is the /30 in the tunnel, with AWS's address and GCP's.
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
	// Type is A or CNAME, and TTL in seconds.
	Type   string   `json:"type"`
	TTL    int      `json:"ttl"`
	Values []string `json:"values"`
}

const (
	tunnels    = 4
	tunnelBits = 30
	// serviceTTL is short: a changed path must reach the runners while somebody watches.
	serviceTTL = 30
	googleTTL  = 300
)

// googleRanges are the addresses by which Google APIs are reached over a link. Source: Google Cloud, "Configure Private Google Access
// for on-premises hosts".
var googleRanges = map[regionfile.GoogleAPIs]netip.Prefix{
	regionfile.PrivateAPIs:    netip.MustParsePrefix("199.36.153.8/30"),
	regionfile.RestrictedAPIs: netip.MustParsePrefix("199.36.153.4/30"),
}

// googleDomains are those of the APIs and of the two container registries.
var googleDomains = []string{"gcr.io", "googleapis.com", "pkg.dev"}

// buildLink plans the link; nil without one.
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

// cutTunnels cuts a /28 into the /30s of the four tunnels. In each the first host is AWS's, which AWS demands, and the second GCP's.
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

// planServiceZone is a zone of the service's host alone. A zone of its parent domain was refused: it would hide every public name in
// that domain from the region. For the same reason there is no zone at all under path public: one without records would hide the host.
func planServiceZone(s regionfile.Service) DNSZone {
	return DNSZone{Name: s.Host, Records: []DNSRecord{{Name: s.Host, Type: "A", TTL: serviceTTL, Values: []string{s.Address.String()}}}}
}

// planGoogleZone leads a domain of Google's and every name in it to the four addresses.
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
