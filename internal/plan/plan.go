// Package plan derives everything else from a region file: address plan, ways out, runner fleets, shards and
// slots of the cache, tunnels of the link, names, quotas needed.
//
// It is pure and deterministic: no clock, no randomness, no cloud, no Pulumi. The same Config gives the same bytes of JSON, which is
// what the golden plans compare and what verification takes its probes from.
package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Plan is everything that a region consists of, in the order of the region file.
type Plan struct {
	// Name is the region file's name, which is the stack's.
	Name    string             `json:"name"`
	Account string             `json:"account"`
	Region  string             `json:"region"`
	Posture regionfile.Posture `json:"posture"`
	// Bucket is the name of the region's S3 bucket, from which machines fetch their agent.
	Bucket string `json:"bucket"`
	// Tags are the user's and the one by which the region's resources are found again.
	Tags    map[string]string `json:"tags"`
	Network Network           `json:"network"`
	// Fleets are the runner fleets by name.
	Fleets []Fleet `json:"fleets"`
	// Cache and Link are nil in a region without them.
	Cache *Cache `json:"cache,omitempty"`
	Link  *Link  `json:"link,omitempty"`
	// Services are the backend's, by name: those that runners must reach before they take work.
	Services []spec.Service `json:"services,omitempty"`
	// Admission is nil unless the backend is reached on its public addresses and a policy guards them.
	Admission *Admission `json:"admission,omitempty"`
	Alerts    Alerts     `json:"alerts"`
	Quotas    []Quota    `json:"quotas"`
}

// Alerts are those who hear of alarms.
type Alerts struct {
	// Email are e-mail addresses, and Webhooks https addresses that alarms are posted to.
	Email    []string `json:"email,omitempty"`
	Webhooks []string `json:"webhooks,omitempty"`
}

// Admission is the rule that lets the region's egress addresses through to the backend's public ones.
type Admission struct {
	Project string `json:"project"`
	// Policy is the name of the project's Cloud Armor policy and Priority that of the region's rule in it.
	Policy   string `json:"policy"`
	Priority int    `json:"priority"`
}

// StackTag is the tag that every resource of a region carries, with the region's name as its value. With the Name tag it is how a
// resource is found again that a killed run made and could not record.
const StackTag = "beachhead:stack"

// Build derives the plan of a complete, valid region file. Others are the project's other region files, from which it takes one thing:
// which regions seed from this one and get copies of its snapshots. Without them there are no copies, so what declares resources
// passes them; the region itself among them does no harm. It fails on what Validate has excluded, and on machines whose user data would be
// larger than EC2 takes.
func Build(c *regionfile.Config, others ...*regionfile.Config) (*Plan, error) {
	network, err := buildNetwork(c)
	if err != nil {
		return nil, fmt.Errorf("planning the network of %s: %w", c.Name, err)
	}
	fleets, err := buildFleets(c, network)
	if err != nil {
		return nil, fmt.Errorf("planning the runners of %s: %w", c.Name, err)
	}
	cache, err := buildCache(c, network, others)
	if err != nil {
		return nil, fmt.Errorf("planning the cache of %s: %w", c.Name, err)
	}
	link, err := buildLink(c, network)
	if err != nil {
		return nil, fmt.Errorf("planning the link of %s: %w", c.Name, err)
	}
	tags := map[string]string{StackTag: c.Name}
	maps.Copy(tags, c.Tags)
	p := &Plan{
		Name: c.Name, Account: c.AWS.Account, Region: c.AWS.Region, Posture: c.Posture, Bucket: bucketName(c.Name, c.AWS.Account),
		Tags: tags, Network: network, Fleets: fleets, Cache: cache, Link: link, Services: planServices(c.GCP), Admission: planAdmission(c.GCP),
		Alerts: Alerts{Email: c.Alerts.Email, Webhooks: c.Alerts.Webhooks}, Quotas: listQuotas(network, fleets, cache),
	}
	if err := p.checkUserData(); err != nil {
		return nil, fmt.Errorf("planning the machines of %s: %w", c.Name, err)
	}
	return p, nil
}

// bucketName names a region's bucket, unique in the world by the account. It has 63 characters at most, S3's bound, since a region file's name
// has 32 at most. The account stands last: S3 keeps some endings for itself, such as -s3alias, and a region file may end like that.
func bucketName(name, account string) string { return "beachhead-" + name + "-" + account }

// planAdmission plans the rule of a region whose backend names resolve to public addresses. On the private path there is nothing to admit:
// what comes over the link does not meet the policy.
func planAdmission(g *regionfile.GCP) *Admission {
	if g == nil || g.SecurityPolicy == nil || g.Path != regionfile.PublicPath {
		return nil
	}
	return &Admission{Project: g.Project, Policy: g.SecurityPolicy.Name, Priority: g.SecurityPolicy.Priority}
}

// planServices lists the backend's, on whichever path they are reached: a host whose connects hang, as in April 2022, is no runner.
func planServices(g *regionfile.GCP) []spec.Service {
	var list []spec.Service
	if g != nil {
		for _, s := range g.Services {
			list = append(list, spec.Service{Name: s.Name, Host: s.Host, Ports: slices.Sorted(slices.Values(s.Ports))})
		}
	}
	slices.SortFunc(list, func(a, b spec.Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// HasMachines says whether the region has machines that run the node agent.
func (p *Plan) HasMachines() bool {
	return len(p.Fleets) > 0 || p.Cache != nil || slices.ContainsFunc(p.Network.Zones, func(z Zone) bool { return z.NATInstance != nil })
}

// SecretNames lists the stack secrets that the region needs, the registration tokens of its fleets' agents: by name, each once.
func (p *Plan) SecretNames() []string {
	names := []string{}
	for _, f := range p.Fleets {
		if f.Agent.Secret != "" {
			names = append(names, f.Agent.Secret)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Network is the plan of a region's network.
type Network struct {
	CIDR   netip.Prefix      `json:"cidr"`
	Egress regionfile.Egress `json:"egress"`
	// Internet says whether anything of the network has a way to the internet. There is a gateway in any case.
	Internet bool `json:"internet"`
	// FleetTier is the tier of subnets that runner fleets use under the egress mode.
	FleetTier Tier   `json:"fleetTier"`
	Zones     []Zone `json:"zones"`
	// InterfaceEndpoints are the services, without their region's prefix, that get an endpoint in the link subnets.
	InterfaceEndpoints []string `json:"interfaceEndpoints"`
	FlowLogGroup       string   `json:"flowLogGroup"`
	FlowLogDays        int      `json:"flowLogDays"`
	// AptMirror is the address of the mirror of Debian's archive that machines install packages from; empty: they ask Debian's own.
	AptMirror string `json:"aptMirror,omitempty"`
}

// Zone is one zone's part of the network.
type Zone struct {
	Name    string                `json:"name"`
	Subnets map[Tier]netip.Prefix `json:"subnets"`
	// RunnerRoute and CacheWay are where the default routes of the private runner subnet and of the cache subnet lead.
	RunnerRoute Route `json:"runnerWay"`
	CacheRoute  Route `json:"cacheWay"`
	// NATAddresses counts the public addresses of the zone's NAT gateway; 0: it has none.
	NATAddresses int          `json:"natAddresses,omitempty"`
	NATInstance  *NATInstance `json:"natInstance,omitempty"`
}

// NATInstance is a machine of ours that carries a zone's traffic to the internet.
type NATInstance struct {
	// Name is its group's: net-nat-instance-us-west-1a.
	Name         string `json:"name"`
	InstanceType string `json:"instanceType"`
	// Address is its fixed private address, in the zone's public subnet.
	Address netip.Addr `json:"address"`
	// Image is the parameter from which EC2 takes the image when the machine starts.
	Image string `json:"image"`
}

// Route is where a default route leads.
type Route struct {
	Kind RouteKind `json:"kind"`
	// Zone is that of the NAT gateway or NAT instance.
	Zone string `json:"zone,omitempty"`
}

// RouteKind is what a default route points to.
type RouteKind string

// The kinds of way.
const (
	NoRoute        RouteKind = "none"
	ViaNATGateway  RouteKind = "nat-gateway"
	ViaNATInstance RouteKind = "nat-instance"
	ViaInternet    RouteKind = "internet-gateway"
)
