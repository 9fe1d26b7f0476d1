package link

import (
	"maps"
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

// advertisedRanges lists the routes that a tunnel's BGP session advertises to AWS: the peer's own list or, when it has none, its router's.
func advertisedRanges(s *cloud.State, g *gcpEnd) []string {
	if g == nil || g.peer == nil || g.router == nil {
		return nil
	}
	from := map[string]any{"advertiseMode": g.peer.Text("advertiseMode"), "advertisedGroups": g.peer.Get("advertisedGroups"),
		"advertisedIpRanges": g.peer.Get("advertisedIpRanges")}
	if cloud.Text(from["advertiseMode"]) != "CUSTOM" {
		from = cloud.Object(g.router.Get("bgp"))
	}
	var list []string
	if cloud.Text(from["advertiseMode"]) != "CUSTOM" || slices.ContainsFunc(cloud.Texts(from["advertisedGroups"]), includesSubnets) {
		list = subnetRangesOf(s, g.router)
	}
	return append(list, cloud.ValuesAt(from, "advertisedIpRanges[].range")...)
}

func includesSubnets(group string) bool { return group == "ALL_SUBNETS" || group == "ALL_VPC_SUBNETS" }

// subnetRangesOf returns the subnets that a router advertises: those of its region, or all when the network routes globally. Networks
// of custom mode have no subnets in the emulator.
func subnetRangesOf(s *cloud.State, router *cloud.Record) []string {
	network := s.Referenced(router, "network", gcp.NetworkType)
	if network == nil || !network.Bool("autoCreateSubnetworks") {
		return nil
	}
	var list []string
	for _, region := range slices.Sorted(maps.Keys(gcp.AutoRanges)) {
		if region == router.Region || network.Text("routingMode") == "GLOBAL" {
			list = append(list, gcp.AutoRanges[region])
		}
	}
	return list
}

// PropagatedRoutes lists, sorted, the ranges that VPN gateways propagate to a route table: the ranges that Cloud Routers advertise over
// tunnels that are up, to gateways that are attached to the table's VPC and enabled for the table.
func PropagatedRoutes(s *cloud.State, routeTableID string) []string {
	found := map[string]bool{}
	for _, r := range s.RecordsOf(aws.RoutePropagationType) {
		if r.Text("routeTableId") != routeTableID {
			continue
		}
		gateway, table := s.RecordNear(r, aws.VPNGatewayType, r.Text("vpnGatewayId")), s.RecordNear(r, aws.RouteTableType, routeTableID)
		if gateway == nil || table == nil || aws.VPCOfVPNGateway(s, gateway) != s.NetworkOf(table) {
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

// LearnedRoutes lists, sorted, the ranges that a Cloud Router learns from AWS: the ranges of the VPCs at the other ends of its tunnels
// that are up.
func LearnedRoutes(s *cloud.State, routerID string) []string {
	found := map[string]bool{}
	for _, p := range pairEnds(s) {
		if p.gcp == nil || p.gcp.router == nil || p.gcp.router.ID != routerID || len(p.differences(s)) > 0 {
			continue
		}
		vpc := s.RecordNear(p.aws.connection, aws.VPCType, aws.VPCOfVPNGateway(s, p.aws.gateway))
		if vpc != nil {
			found[vpc.Text("cidrBlock")] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
