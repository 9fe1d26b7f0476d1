package report

import "github.com/beachhead-build/beachhead/internal/restype"

// types are the types of the real clouds.
var types = Types{
	DNSRecord: restype.DNSRecord, Endpoint: restype.VPCEndpoint, Firewall: restype.GCPFirewall, NetworkInterface: restype.NetworkInterface,
	Object: restype.BucketObject, Route: restype.Route, ScalingGroup: restype.ScalingGroup, Volume: restype.Volume,
	EIPAssociation: restype.EIPAssociation, InternetGateway: restype.InternetGateway, ManagedZone: restype.GCPManagedZone,
	NATGateway: restype.NATGateway, RecordSet: restype.GCPRecordSet, Router: restype.GCPRouter, RouterInterface: restype.GCPRouterInterface,
	RouterPeer: restype.GCPRouterPeer, VPNTunnel: restype.GCPVPNTunnel, VPNConnection: restype.VPNConnection,
	VPNGatewayAttachment: restype.VPNGatewayAttachment, VPNRoutePropagation: restype.VPNRoutePropagation,
}
