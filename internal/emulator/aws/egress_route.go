package aws

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// EgressRoute is a subnet's default route, followed to its end.
type EgressRoute struct {
	// Kind is nat-gateway, internet-gateway, network-interface, or empty when the subnet has no default route.
	Kind string
	// Target is the id that the route points to, whether that resource exists or not.
	Target string
	// Live reports whether packets would reach the internet. Why states the fault when they would not.
	Live bool
	Why  string
}

// defaultDestination is the destination of a default route.
const defaultDestination = "0.0.0.0/0"

// DefaultRoute follows a subnet's default route: its route table, or else the VPC's main one, and that table's route to 0.0.0.0/0.
//
// A NAT gateway reaches the internet when it has an address and its own subnet's default route points to an attached internet gateway.
// An interface does when it is attached to a running machine, with its source/destination check off, a public address and such a
// subnet. An internet gateway does when it is attached to this VPC.
func DefaultRoute(s *cloud.State, subnetID string) EgressRoute {
	for _, subnet := range s.RecordsOf(SubnetType) {
		if subnet.ID == subnetID {
			return followDefaultRoute(s, subnet)
		}
	}
	return EgressRoute{Why: fmt.Sprintf("subnet %s does not exist", subnetID)}
}

func followDefaultRoute(s *cloud.State, subnet *cloud.Record) EgressRoute {
	switch r, table := findDefaultRoute(s, subnet); {
	case r == nil:
		return EgressRoute{Why: fmt.Sprintf("%s has no route to %s", table, defaultDestination)}
	case r.Text("natGatewayId") != "":
		return viaNATGateway(s, r)
	case r.Text("networkInterfaceId") != "":
		return viaNetworkInterface(s, r)
	default:
		return viaInternetGateway(s, r, subnet)
	}
}

// findDefaultRoute returns the default route of a subnet, or nil, and the route table that decides.
func findDefaultRoute(s *cloud.State, subnet *cloud.Record) (*cloud.Record, string) {
	table := s.RecordNear(subnet, VPCType, subnet.Text("vpcId")).Text("mainRouteTableId")
	if a := associationOf(s, subnet); a != nil {
		table = a.Text("routeTableId")
	}
	for _, r := range s.ReferrersOf(cloud.Key{Type: RouteTableType, Account: subnet.Account, Region: subnet.Region, ID: table}) {
		if r.Type == RouteType && destinationOf(r) == defaultDestination {
			return r, table
		}
	}
	return nil, table
}

func viaInternetGateway(s *cloud.State, r, subnet *cloud.Record) EgressRoute {
	w := EgressRoute{Kind: "internet-gateway", Target: r.Text("gatewayId")}
	switch igw := s.RecordNear(r, InternetGatewayType, w.Target); {
	case igw == nil:
		w.Why = fmt.Sprintf("internet gateway %s does not exist", w.Target)
	case igw.Text("vpcId") != subnet.Text("vpcId"):
		w.Why = fmt.Sprintf("internet gateway %s is not attached to %s", w.Target, subnet.Text("vpcId"))
	default:
		w.Live = true
	}
	return w
}

func viaNATGateway(s *cloud.State, r *cloud.Record) EgressRoute {
	w := EgressRoute{Kind: "nat-gateway", Target: r.Text("natGatewayId")}
	nat := s.RecordNear(r, NATGatewayType, w.Target)
	if nat == nil {
		w.Why = fmt.Sprintf("NAT gateway %s does not exist", w.Target)
		return w
	}
	eni := s.RecordNear(r, NetworkInterfaceType, nat.Text("networkInterfaceId"))
	if eni == nil || publicAddressOf(s, eni) == "" {
		w.Why = fmt.Sprintf("NAT gateway %s has no public address", w.Target)
		return w
	}
	return requirePublicSubnet(s, w, nat.Text("subnetId"), r)
}

func viaNetworkInterface(s *cloud.State, r *cloud.Record) EgressRoute {
	w := EgressRoute{Kind: "network-interface", Target: r.Text("networkInterfaceId")}
	eni := s.RecordNear(r, NetworkInterfaceType, w.Target)
	switch {
	case eni == nil:
		w.Why = fmt.Sprintf("interface %s does not exist", w.Target)
	case instanceOf(s, eni) == nil:
		w.Why = fmt.Sprintf("interface %s is attached to no running machine", w.Target)
	case eni.Bool("sourceDestCheck"):
		w.Why = fmt.Sprintf("interface %s checks source and destination, and drops what it should forward", w.Target)
	case publicAddressOf(s, eni) == "":
		w.Why = fmt.Sprintf("interface %s has no public address", w.Target)
	default:
		return requirePublicSubnet(s, w, eni.Text("subnetId"), r)
	}
	return w
}

// requirePublicSubnet completes a route by the subnet of its target, whose own default route must point to an internet gateway.
func requirePublicSubnet(s *cloud.State, w EgressRoute, subnetID string, near *cloud.Record) EgressRoute {
	subnet := s.RecordNear(near, SubnetType, subnetID)
	if subnet == nil {
		w.Why = fmt.Sprintf("%s stands in %s, which does not exist", w.Target, subnetID)
		return w
	}
	// Only a gateway is accepted here: to follow any route would loop when two NAT gateways point at each other.
	out, table := findDefaultRoute(s, subnet)
	if out == nil || out.Text("gatewayId") == "" {
		w.Why = fmt.Sprintf("%s stands in %s, whose table %s has no route to an internet gateway", w.Target, subnetID, table)
		return w
	}
	gateway := viaInternetGateway(s, out, subnet)
	w.Live, w.Why = gateway.Live, gateway.Why
	return w
}
