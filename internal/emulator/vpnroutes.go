package emulator

import (
	"maps"
	"slices"
)

// advertised lists what a tunnel's BGP session tells AWS: the peer's own list or else its router's.
func (s *State) advertised(g *googleEnd) []string {
	if g == nil || g.peer == nil || g.router == nil {
		return nil
	}
	from := map[string]any{"advertiseMode": g.peer.str("advertiseMode"), "advertisedGroups": g.peer.get("advertisedGroups"),
		"advertisedIpRanges": g.peer.get("advertisedIpRanges")}
	if str(from["advertiseMode"]) != "CUSTOM" {
		from = obj(g.router.get("bgp"))
	}
	var list []string
	if str(from["advertiseMode"]) != "CUSTOM" || slices.ContainsFunc(strs(from["advertisedGroups"]), tellsSubnets) {
		list = s.subnetsOfRouter(g.router)
	}
	return append(list, values(from, "advertisedIpRanges[].range")...)
}

func tellsSubnets(group string) bool { return group == "ALL_SUBNETS" || group == "ALL_VPC_SUBNETS" }

// subnetsOfRouter are the subnets that a router tells of: those of its region, or all where the network routes globally. Networks
// of custom mode have none here.
func (s *State) subnetsOfRouter(router *record) []string {
	network := s.targetOf(router, "network", gcpNetworkType)
	if network == nil || !network.flag("autoCreateSubnetworks") {
		return nil
	}
	var list []string
	for _, region := range slices.Sorted(maps.Keys(autoRanges)) {
		if region == router.Region || network.str("routingMode") == "GLOBAL" {
			list = append(list, autoRanges[region])
		}
	}
	return list
}

// PropagatedRoutes lists the ranges that reach a route table from VPN gateways: what Google's routers advertise over tunnels that
// are up, to gateways that are attached to the table's VPC and whose routes it takes. Sorted.
func (s *State) PropagatedRoutes(routeTableID string) []string {
	found := map[string]bool{}
	for _, r := range s.of(routePropagationType) {
		if r.str("routeTableId") != routeTableID {
			continue
		}
		gateway, table := s.near(r, vpnGatewayType, r.str("vpnGatewayId")), s.near(r, routeTableType, routeTableID)
		if gateway == nil || table == nil || s.vpcOfVPN(gateway) != s.vpcOf(table) {
			continue
		}
		for _, p := range s.pairs() {
			if p.amazon != nil && p.amazon.gateway == gateway && len(p.why(s)) == 0 {
				for _, cidr := range s.advertised(p.google) {
					found[cidr] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// LearnedRoutes lists the ranges that a Cloud Router knows from AWS: those of the VPCs at the other ends of its tunnels that are up.
// Sorted.
func (s *State) LearnedRoutes(routerID string) []string {
	found := map[string]bool{}
	for _, p := range s.pairs() {
		if p.google == nil || p.google.router == nil || p.google.router.ID != routerID || len(p.why(s)) > 0 {
			continue
		}
		vpc := s.near(p.amazon.connection, vpcType, s.vpcOfVPN(p.amazon.gateway))
		if vpc != nil {
			found[vpc.str("cidrBlock")] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
