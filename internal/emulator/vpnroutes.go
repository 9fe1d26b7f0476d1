package emulator

import (
	"maps"
	"slices"
)

// advertisedRanges lists what a tunnel's BGP session tells AWS: the peer's own list or else its router's.
func advertisedRanges(s *State, g *gcpEnd) []string {
	if g == nil || g.peer == nil || g.router == nil {
		return nil
	}
	from := map[string]any{"advertiseMode": g.peer.Text("advertiseMode"), "advertisedGroups": g.peer.Get("advertisedGroups"),
		"advertisedIpRanges": g.peer.Get("advertisedIpRanges")}
	if Text(from["advertiseMode"]) != "CUSTOM" {
		from = Object(g.router.Get("bgp"))
	}
	var list []string
	if Text(from["advertiseMode"]) != "CUSTOM" || slices.ContainsFunc(Texts(from["advertisedGroups"]), includesSubnets) {
		list = subnetRangesOf(s, g.router)
	}
	return append(list, ValuesAt(from, "advertisedIpRanges[].range")...)
}

func includesSubnets(group string) bool { return group == "ALL_SUBNETS" || group == "ALL_VPC_SUBNETS" }

// subnetRangesOf are the subnets that a router tells of: those of its region, or all where the network routes globally. Networks
// of custom mode have none here.
func subnetRangesOf(s *State, router *Record) []string {
	network := s.Referenced(router, "network", NetworkType)
	if network == nil || !network.Bool("autoCreateSubnetworks") {
		return nil
	}
	var list []string
	for _, region := range slices.Sorted(maps.Keys(AutoRanges)) {
		if region == router.Region || network.Text("routingMode") == "GLOBAL" {
			list = append(list, AutoRanges[region])
		}
	}
	return list
}

// PropagatedRoutes lists the ranges that reach a route table from VPN gateways: what Google's routers advertise over tunnels that
// are up, to gateways that are attached to the table's VPC and whose routes it takes. Sorted.
func PropagatedRoutes(s *State, routeTableID string) []string {
	found := map[string]bool{}
	for _, r := range s.RecordsOf(RoutePropagationType) {
		if r.Text("routeTableId") != routeTableID {
			continue
		}
		gateway, table := s.RecordNear(r, VPNGatewayType, r.Text("vpnGatewayId")), s.RecordNear(r, RouteTableType, routeTableID)
		if gateway == nil || table == nil || VPCOfVPNGateway(s, gateway) != s.NetworkOf(table) {
			continue
		}
		for _, p := range pairEnds(s) {
			if p.aws != nil && p.aws.gateway == gateway && len(p.differences(s)) == 0 {
				for _, cidr := range advertisedRanges(s, p.gcp) {
					found[cidr] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// LearnedRoutes lists the ranges that a Cloud Router knows from AWS: those of the VPCs at the other ends of its tunnels that are up.
// Sorted.
func LearnedRoutes(s *State, routerID string) []string {
	found := map[string]bool{}
	for _, p := range pairEnds(s) {
		if p.gcp == nil || p.gcp.router == nil || p.gcp.router.ID != routerID || len(p.differences(s)) > 0 {
			continue
		}
		vpc := s.RecordNear(p.aws.connection, VPCType, VPCOfVPNGateway(s, p.aws.gateway))
		if vpc != nil {
			found[vpc.Text("cidrBlock")] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
