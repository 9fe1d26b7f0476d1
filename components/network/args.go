// Package network is the component for a region's VPC: subnets by tier and zone, internet access, endpoints and flow logs.
package network

import (
	"errors"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// Args describes a network. All of it except the bucket is plain data, since it decides which resources exist.
type Args struct {
	// CIDR is the VPC's range.
	CIDR netip.Prefix
	// Region and Account are part of the names of endpoint services and of the ARNs in role policies.
	Region, Account string
	// Zones are the availability zones, in the order of the region file.
	Zones []Zone
	// Internet is true where the public subnets' default route leads to the internet gateway.
	Internet bool
	// InterfaceEndpoints are services that get an endpoint in the link subnets, without the region's prefix, such as "ssm".
	InterfaceEndpoints []string
	// FlowLogGroup is the name of the log group of the VPC's flow logs.
	FlowLogGroup string
	// FlowLogDays is the number of days for which flow logs are stored.
	FlowLogDays int
	// Tags are the tags of machines, their volumes and their interfaces, which the provider's default tags do not reach.
	Tags map[string]string
	// Bucket is the name of the bucket from which NAT instances fetch their agent, known once the agent is in it. Nil without NAT instances.
	Bucket pulumi.StringInput
}

// Zone is one availability zone of a network.
type Zone struct {
	Name string
	// Private and Public are the ranges of the runner subnets, Cache is that of the cache subnet, and Link that of the endpoints' subnet.
	Private, Public, Cache, Link netip.Prefix
	// RunnerRoute and CacheRoute are the egress routes of the private runner subnet and of the cache subnet.
	RunnerRoute, CacheRoute Route
	// NATAddresses is the number of public addresses of the zone's NAT gateway. 0: the zone has no gateway.
	NATAddresses int
	// NATInstance is nil where the zone has none.
	NATInstance *NATInstance
}

// NATInstance is a machine of Beachhead that forwards a zone's traffic to the internet.
type NATInstance struct {
	InstanceType string
	// Address is its fixed private address in the zone's public subnet.
	Address netip.Addr
	// Image is an image id, or resolve:ssm: with the name of the parameter that holds one.
	Image string
	// UserData is the script of the machine's first boot. It holds no secrets.
	UserData string
}

// Route is an egress route: the target of a route table's default route.
type Route struct {
	Kind RouteKind
	// Zone is the zone of the NAT gateway or NAT instance.
	Zone string
}

// RouteKind is the kind of an egress route's target.
type RouteKind string

// The kinds of targets.
const (
	NoRoute        RouteKind = "none"
	ViaNATGateway  RouteKind = "nat-gateway"
	ViaNATInstance RouteKind = "nat-instance"
	ViaInternet    RouteKind = "internet-gateway"
)

// Validate returns an error that lists every egress route whose target the network does not have, and everything that a NAT instance
// lacks.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	gateways, instances := map[string]bool{}, map[string]bool{}
	for _, z := range a.Zones {
		gateways[z.Name], instances[z.Name] = z.NATAddresses > 0, z.NATInstance != nil
	}
	p := &kit.Problems{}
	for _, z := range a.Zones {
		a.checkNATInstance(p, z)
		p.RefuseIf(!z.RunnerRoute.hasTarget(a.Internet, gateways, instances),
			"zone %s: the network has no target for the runners' egress route %s", z.Name, z.RunnerRoute)
		p.RefuseIf(!z.CacheRoute.hasTarget(a.Internet, gateways, instances),
			"zone %s: the network has no target for the cache servers' egress route %s", z.Name, z.CacheRoute)
	}
	return p.Combine()
}

func (a *Args) checkNATInstance(p *kit.Problems, z Zone) {
	i := z.NATInstance
	if i == nil {
		return
	}
	p.RefuseIf(!a.Internet, "zone %s: a NAT instance needs a network with internet access", z.Name)
	p.RefuseIf(a.Bucket == nil || a.Account == "", "zone %s: a NAT instance needs an account and a bucket", z.Name)
	p.RefuseIf(i.UserData == "" || len(i.UserData) > kit.MaxUserData,
		"zone %s: user data of the NAT instance has %d bytes; want 1 to %d", z.Name, len(i.UserData), kit.MaxUserData)
}

// String returns the egress route as error messages have it.
func (r Route) String() string {
	if r.Zone == "" {
		return string(r.Kind)
	}
	return string(r.Kind) + " in " + r.Zone
}

func (r Route) hasTarget(internet bool, gateways, instances map[string]bool) bool {
	switch r.Kind {
	case NoRoute:
		return true
	case ViaNATGateway:
		return internet && gateways[r.Zone]
	case ViaNATInstance:
		return internet && instances[r.Zone]
	case ViaInternet:
		return internet
	}
	return false
}
