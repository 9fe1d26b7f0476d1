// Package network is the component that makes a build region's VPC: subnets by tier and zone, the ways out, endpoints, flow logs.
package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes a network. All of it but the bucket is plain data, since it decides which resources there are.
type Args struct {
	// CIDR is the VPC's range.
	CIDR netip.Prefix
	// Region and Account are where the network is: they are part of the names of endpoint services and of what roles are confined to.
	Region, Account string
	// Zones are the availability zones in the order in which they were given.
	Zones []Zone
	// Internet says whether the public subnets' default route leads to the internet gateway.
	Internet bool
	// InterfaceEndpoints are services without their region's prefix, such as "ssm", that get an endpoint in the link subnets.
	InterfaceEndpoints []string
	// FlowLogGroup is the name of the log group of the VPC's flow logs.
	FlowLogGroup string
	// FlowLogDays is for how many days flow logs are kept.
	FlowLogDays int
	// Tags are set on what the engine's default tags do not reach: machines, their volumes and interfaces.
	Tags map[string]string
	// Bucket is the name of the bucket from which NAT instances fetch their agent, known once the agent is in it. Nil without NAT instances.
	Bucket pulumi.StringInput
}

// Zone is one availability zone of a network.
type Zone struct {
	Name string
	// Private and Public are the runner subnets, Cache the cache servers', Link that of endpoints.
	Private, Public, Cache, Link netip.Prefix
	// RunnerWay and CacheWay are where the default routes of the private runner subnet and of the cache subnet lead.
	RunnerWay, CacheWay Way
	// NATAddresses counts the public addresses of the zone's NAT gateway; 0: it has none.
	NATAddresses int
	// NATInstance is nil where the zone has none.
	NATInstance *NATInstance
}

// NATInstance is a machine of ours that carries a zone's traffic to the internet.
type NATInstance struct {
	InstanceType string
	// Address is its fixed private address in the zone's public subnet.
	Address netip.Addr
	// Image is an image id, or resolve:ssm: with the parameter that holds one.
	Image string
	// UserData is what the machine runs at its first boot; it holds no secrets.
	UserData string
}

// Way is where a default route leads.
type Way struct {
	Kind WayKind
	// Zone is that of the NAT gateway or NAT instance.
	Zone string
}

// WayKind is what a default route points to.
type WayKind string

// The kinds of way.
const (
	NoWay          WayKind = "none"
	ViaNATGateway  WayKind = "nat-gateway"
	ViaNATInstance WayKind = "nat-instance"
	ViaInternet    WayKind = "internet-gateway"
)

// maxUserData is what EC2 takes, in bytes before it is encoded.
const maxUserData = 16 << 10

// validate finds ways that lead to what the network does not have, and NAT instances that lack what they start from.
func (a *Args) validate() error {
	if a == nil {
		return errors.New("a network needs arguments")
	}
	gateways, instances := map[string]bool{}, map[string]bool{}
	for _, z := range a.Zones {
		gateways[z.Name], instances[z.Name] = z.NATAddresses > 0, z.NATInstance != nil
	}
	var errs *multierror.Error
	for _, z := range a.Zones {
		if err := a.natFault(z.NATInstance); err != nil {
			errs = multierror.Append(errs, fmt.Errorf("zone %s: %w", z.Name, err))
		}
		for _, way := range []Way{z.RunnerWay, z.CacheWay} {
			if !way.leads(a.Internet, gateways, instances) {
				errs = multierror.Append(errs, fmt.Errorf("zone %s: its way %s %s leads to nothing", z.Name, way.Kind, way.Zone))
			}
		}
	}
	return errs.ErrorOrNil()
}

// natFault says what a NAT instance lacks. Nil: there is none, or nothing.
func (a *Args) natFault(i *NATInstance) error {
	switch {
	case i == nil:
		return nil
	case !a.Internet:
		return errors.New("a NAT instance leads to nothing without a way to the internet")
	case a.Bucket == nil || a.Account == "":
		return errors.New("a NAT instance needs an account and a bucket")
	case i.UserData == "" || len(i.UserData) > maxUserData:
		return fmt.Errorf("user data of %d bytes for the NAT instance; want 1 to %d", len(i.UserData), maxUserData)
	}
	return nil
}

func (w Way) leads(internet bool, gateways, instances map[string]bool) bool {
	switch w.Kind {
	case NoWay:
		return true
	case ViaNATGateway:
		return internet && gateways[w.Zone]
	case ViaNATInstance:
		return internet && instances[w.Zone]
	case ViaInternet:
		return internet
	}
	return false
}
