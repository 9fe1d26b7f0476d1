package link

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

// RegisterOutputs adds to both clouds' ends of a VPN the outputs that follow from the other end.
func RegisterOutputs(reg *cloud.Registry) {
	reg.DeriveOutputs(gcp.VPNTunnelType, func(s *cloud.State, r *cloud.Record) map[string]any {
		return map[string]any{"detailedStatus": detailedStatus(s, r)}
	})
	reg.DeriveOutputs(aws.VPNConnectionType, connectionOutputs)
}

// detailedStatus returns the status text of GCP's console for a tunnel, and why the tunnel is down.
func detailedStatus(s *cloud.State, r *cloud.Record) string {
	for _, t := range Tunnels(s) {
		if t.GCP == r.ID {
			if t.Up {
				return "Tunnel is up and running."
			}
			return fmt.Sprintf("No incoming packets from peer (%s)", t.Why[0])
		}
	}
	return "No incoming packets from peer"
}

// connectionOutputs returns what a VPN connection reports of its two tunnels.
func connectionOutputs(s *cloud.State, r *cloud.Record) map[string]any {
	asn := ""
	if gateway := s.RecordNear(r, aws.VPNGatewayType, r.Text("vpnGatewayId")); gateway != nil {
		asn = gateway.Text("amazonSideAsn")
	}
	var list []any
	pairs := pairEnds(s)
	for n := 1; n <= 2; n++ {
		address := r.Text(aws.TunnelProperty(n, "Address"))
		told := map[string]any{"acceptedRouteCount": 0.0, "certificateArn": "", "lastStatusChange": "", "outsideIpAddress": address,
			"status": "DOWN", "statusMessage": "IPSEC IS DOWN"}
		for _, p := range pairs {
			if p.aws != nil && p.aws.connection.Key == r.Key && p.aws.n == n && len(p.differences(s)) == 0 {
				routes := len(advertisedRanges(s, p.gcp))
				told["acceptedRouteCount"], told["status"] = float64(routes), "UP"
				told["statusMessage"] = fmt.Sprintf("%d BGP ROUTES", routes)
			}
		}
		list = append(list, told)
	}
	return map[string]any{"vgwTelemetries": list, "tunnel1BgpAsn": asn, "tunnel2BgpAsn": asn}
}
