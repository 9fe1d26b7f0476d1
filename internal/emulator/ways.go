package emulator

import "fmt"

// Way is where a subnet's default route leads.
type Way struct {
	// Kind is nat-gateway, internet-gateway, network-interface, or empty when there is no default route.
	Kind string
	// Target is the id of what the route points to, whether that exists or not.
	Target string
	// Live says that packets would really get out; Why says what is wrong when they would not.
	Live bool
	Why  string
}

// defaultDestination is the route that everything without a better one takes.
const defaultDestination = "0.0.0.0/0"

// DefaultRoute follows a subnet's default route: its route table, or else the VPC's main one, and that table's route to 0.0.0.0/0.
//
// A NAT gateway leads out when it has an address and its own subnet's default route goes to an attached internet gateway; an
// interface when it is attached to a running machine, with its source/destination check off, a public address and such a subnet;
// an internet gateway when it is attached to this VPC.
func (s *State) DefaultRoute(subnetID string) Way {
	for _, subnet := range s.of(subnetType) {
		if subnet.ID == subnetID {
			return s.defaultRoute(subnet)
		}
	}
	return Way{Why: fmt.Sprintf("subnet %s does not exist", subnetID)}
}

func (s *State) defaultRoute(subnet *record) Way {
	switch r, table := s.routeOut(subnet); {
	case r == nil:
		return Way{Why: fmt.Sprintf("%s has no route to %s", table, defaultDestination)}
	case r.str("natGatewayId") != "":
		return s.throughNAT(r)
	case r.str("networkInterfaceId") != "":
		return s.throughInterface(r)
	default:
		return s.throughGateway(r, subnet)
	}
}

// routeOut finds the default route that holds for a subnet, or nil, and the table where it was looked for.
func (s *State) routeOut(subnet *record) (*record, string) {
	table := s.near(subnet, vpcType, subnet.str("vpcId")).str("mainRouteTableId")
	if a := s.associationOf(subnet); a != nil {
		table = a.str("routeTableId")
	}
	for _, r := range s.usersOf(key{Type: routeTableType, Account: subnet.Account, Region: subnet.Region, ID: table}) {
		if r.Type == routeType && destinationOf(r) == defaultDestination {
			return r, table
		}
	}
	return nil, table
}

func (s *State) throughGateway(r, subnet *record) Way {
	w := Way{Kind: "internet-gateway", Target: r.str("gatewayId")}
	switch igw := s.near(r, internetGatewayType, w.Target); {
	case igw == nil:
		w.Why = fmt.Sprintf("internet gateway %s does not exist", w.Target)
	case igw.str("vpcId") != subnet.str("vpcId"):
		w.Why = fmt.Sprintf("internet gateway %s is not attached to %s", w.Target, subnet.str("vpcId"))
	default:
		w.Live = true
	}
	return w
}

func (s *State) throughNAT(r *record) Way {
	w := Way{Kind: "nat-gateway", Target: r.str("natGatewayId")}
	nat := s.near(r, natGatewayType, w.Target)
	if nat == nil {
		w.Why = fmt.Sprintf("NAT gateway %s does not exist", w.Target)
		return w
	}
	eni := s.near(r, networkInterfaceType, nat.str("networkInterfaceId"))
	if eni == nil || s.publicAddress(eni) == "" {
		w.Why = fmt.Sprintf("NAT gateway %s has no public address", w.Target)
		return w
	}
	return s.fromPublic(w, nat.str("subnetId"), r)
}

func (s *State) throughInterface(r *record) Way {
	w := Way{Kind: "network-interface", Target: r.str("networkInterfaceId")}
	eni := s.near(r, networkInterfaceType, w.Target)
	switch {
	case eni == nil:
		w.Why = fmt.Sprintf("interface %s does not exist", w.Target)
	case s.machineOf(eni) == nil:
		w.Why = fmt.Sprintf("interface %s is attached to no running machine", w.Target)
	case eni.flag("sourceDestCheck"):
		w.Why = fmt.Sprintf("interface %s checks source and destination, and drops what it should forward", w.Target)
	case s.publicAddress(eni) == "":
		w.Why = fmt.Sprintf("interface %s has no public address", w.Target)
	default:
		return s.fromPublic(w, eni.str("subnetId"), r)
	}
	return w
}

// fromPublic completes a way by what stands in a subnet, which must lead straight to an internet gateway itself.
func (s *State) fromPublic(w Way, subnetID string, near *record) Way {
	subnet := s.near(near, subnetType, subnetID)
	if subnet == nil {
		w.Why = fmt.Sprintf("%s stands in %s, which does not exist", w.Target, subnetID)
		return w
	}
	// Only a gateway will do here: following any way would go round in circles when two NAT gateways point at each other.
	out, table := s.routeOut(subnet)
	if out == nil || out.str("gatewayId") == "" {
		w.Why = fmt.Sprintf("%s stands in %s, whose table %s has no route to an internet gateway", w.Target, subnetID, table)
		return w
	}
	gateway := s.throughGateway(out, subnet)
	w.Live, w.Why = gateway.Live, gateway.Why
	return w
}
