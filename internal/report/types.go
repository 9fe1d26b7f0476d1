package report

// Types are the type tokens of the resources on which the times to ready depend, and of those that the clouds' rules name. The caller
// passes them in, since this package imports no other one.
type Types struct {
	DNSRecord, Endpoint, Firewall, NetworkInterface, Object, Route, ScalingGroup, Volume string

	EIPAssociation, InternetGateway, ManagedZone, NATGateway, RecordSet string

	// The link's. Router, RouterInterface, RouterPeer and VPNTunnel are on GCP's side.
	Router, RouterInterface, RouterPeer, VPNTunnel, VPNConnection, VPNGatewayAttachment, VPNRoutePropagation string
}
