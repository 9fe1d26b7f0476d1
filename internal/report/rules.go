package report

import "path"

const (
	natGatewayType       = "aws:ec2/natGateway:NatGateway"
	internetGatewayType  = "aws:ec2/internetGateway:InternetGateway"
	addressType          = "aws:ec2/eipAssociation:EipAssociation"
	connectionType       = "aws:ec2/vpnConnection:VpnConnection"
	routerType           = "gcp:compute/router:Router"
	routerInterfaceType  = "gcp:compute/routerInterface:RouterInterface"
	tunnelType           = "gcp:compute/vPNTunnel:VPNTunnel"
	managedZoneType      = "gcp:dns/managedZone:ManagedZone"
	recordSetType        = "gcp:dns/recordSet:RecordSet"
	privateNATConnection = "private"
)

// rule is what an API imposes and no value shows: a thing of the type later is made after each of the type earlier for which both keys are
// the same and not empty.
type rule struct {
	later, earlier string
	of, to         func(index, Made) string
}

// rules, each with its source.
//
// An attachment could come before the connections instead; but then the VPC and the attachment's 40 s are before the 235 s of a connection
// (docs/facts.md, section 1), and the chain is longer.
var rules = []rule{
	// Gateway.NotAttached, "Network vpc-… has no Internet gateway attached": VPC user guide, "NAT gateways" and "Elastic IP addresses".
	{natGatewayType, internetGatewayType, publicVPC, vpc},
	{addressType, internetGatewayType, vpc, vpc},
	// A VPN gateway is not attached while a connection of it is pending: components/gcplink/aws_vpn.go, propagateRoutes.
	{attachmentType, connectionType, input("vpnGatewayId"), input("vpnGatewayId")},
	// Gateway.NotAttached: EC2 API reference, EnableVgwRoutePropagation, "the virtual private gateway must be attached to a VPC".
	{propagationType, attachmentType, input("vpnGatewayId"), input("vpnGatewayId")},
	// Google refers by name to what lies in the same router, project or zone: Compute Engine API, routers, fields interfaces and bgpPeers;
	// Cloud DNS API, resourceRecordSets.
	{routerInterfaceType, routerType, input("router"), input("name")},
	{routerInterfaceType, tunnelType, input("vpnTunnel"), input("name")},
	{peerType, routerType, input("router"), input("name")},
	{peerType, routerInterfaceType, input("interface"), input("name")},
	{tunnelType, routerType, input("router"), input("name")},
	{recordSetType, managedZoneType, input("managedZone"), input("name")},
}

// named lists the resources that the rules put before one.
func (x index) named(i int) []int {
	var before []int
	m := x.all[i]
	for _, r := range rules {
		if r.later != m.Type {
			continue
		}
		of := r.of(x, m)
		for j, e := range x.all {
			if of != "" && e.Type == r.earlier && r.to(x, e) == of {
				before = append(before, j)
			}
		}
	}
	return before
}

// TurnOf is the Turn of a resource: that of a BGP peer is its router, which Google changes one at a time (docs/facts.md, section 1); other
// things have none.
func TurnOf(typ string, inputs map[string]any) string {
	if typ != peerType {
		return ""
	}
	return input("router")(index{}, Made{Inputs: inputs})
}

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// input reads an input that names something, be it by its name or by the path or link that ends in it.
func input(name string) func(index, Made) string {
	return func(_ index, m Made) string {
		if s := text(m.Inputs, name); s != "" {
			return path.Base(s)
		}
		return ""
	}
}

// vpc is where a thing lies: by its own input, its interface's or its subnet's.
func vpc(x index, m Made) string {
	if id := text(m.Inputs, "vpcId"); id != "" {
		return id
	}
	for _, within := range []string{"networkInterfaceId", "subnetId"} {
		if i, ok := x.byID[text(m.Inputs, within)]; ok && text(m.Inputs, within) != m.ID {
			return vpc(x, x.all[i])
		}
	}
	return ""
}

// publicVPC is the VPC of a NAT gateway with a public address; a private one needs no internet gateway.
func publicVPC(x index, m Made) string {
	if text(m.Inputs, "connectivityType") == privateNATConnection {
		return ""
	}
	return vpc(x, m)
}
