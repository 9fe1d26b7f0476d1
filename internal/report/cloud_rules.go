package report

import "path"

const privateNATConnection = "private"

// rule is an order that an API requires and no value shows: a resource of the type later comes after each resource of the type earlier for
// which both keys are the same and not empty.
type rule struct {
	later, earlier       string
	laterKey, earlierKey func(index, Made) string
}

// rules returns the rules of the clouds, each with its source.
//
// An attachment could come before the connections instead; but then the VPC and the attachment's 40 s are before the 235 s of a connection
// (docs/facts.md, section 1), and the chain is longer.
func (t Types) rules() []rule {
	return []rule{
		// Gateway.NotAttached, "Network vpc-… has no Internet gateway attached": VPC user guide, "NAT gateways" and "Elastic IP addresses".
		{t.NATGateway, t.InternetGateway, publicVPCOf, vpcOf},
		{t.EIPAssociation, t.InternetGateway, vpcOf, vpcOf},
		// A VPN gateway cannot be attached while one of its connections is pending: components/gcplink/aws_vpn.go, propagateRoutes.
		{t.VPNGatewayAttachment, t.VPNConnection, inputName("vpnGatewayId"), inputName("vpnGatewayId")},
		// Gateway.NotAttached: EC2 API reference, EnableVgwRoutePropagation, "the virtual private gateway must be attached to a VPC".
		{t.VPNRoutePropagation, t.VPNGatewayAttachment, inputName("vpnGatewayId"), inputName("vpnGatewayId")},
		// Google refers by name to resources in the same router, project or zone: Compute Engine API, routers, fields interfaces and bgpPeers;
		// Cloud DNS API, resourceRecordSets.
		{t.RouterInterface, t.Router, inputName("router"), inputName("name")},
		{t.RouterInterface, t.VPNTunnel, inputName("vpnTunnel"), inputName("name")},
		{t.RouterPeer, t.Router, inputName("router"), inputName("name")},
		{t.RouterPeer, t.RouterInterface, inputName("interface"), inputName("name")},
		{t.VPNTunnel, t.Router, inputName("router"), inputName("name")},
		{t.RecordSet, t.ManagedZone, inputName("managedZone"), inputName("name")},
	}
}

// earlierByRule returns the resources that must come before one by the rules.
func (x index) earlierByRule(i int, rules []rule) []int {
	var before []int
	m := x.all[i]
	for _, r := range rules {
		if r.later != m.Type {
			continue
		}
		key := r.laterKey(x, m)
		for j, e := range x.all {
			if key != "" && e.Type == r.earlier && r.earlierKey(x, e) == key {
				before = append(before, j)
			}
		}
	}
	return before
}

// TurnOf returns the Turn of a resource. BGP peers of one router take turns, because Google changes them one at a time (docs/facts.md,
// section 1). Other resources have no Turn.
func (t Types) TurnOf(typ string, inputs map[string]any) string {
	if typ != t.RouterPeer {
		return ""
	}
	return inputName("router")(index{}, Made{Inputs: inputs})
}

func textIn(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// inputName returns a function that reads the name in an input, be it the name itself or the path or link that ends in it.
func inputName(input string) func(index, Made) string {
	return func(_ index, m Made) string {
		if s := textIn(m.Inputs, input); s != "" {
			return path.Base(s)
		}
		return ""
	}
}

// vpcOf returns the id of a resource's VPC: from its own input, its interface's or its subnet's.
func vpcOf(x index, m Made) string {
	if id := textIn(m.Inputs, "vpcId"); id != "" {
		return id
	}
	for _, within := range []string{"networkInterfaceId", "subnetId"} {
		if i, ok := x.byID[textIn(m.Inputs, within)]; ok && textIn(m.Inputs, within) != m.ID {
			return vpcOf(x, x.all[i])
		}
	}
	return ""
}

// publicVPCOf returns the VPC of a NAT gateway with a public address. A private NAT gateway needs no internet gateway.
func publicVPCOf(x index, m Made) string {
	if textIn(m.Inputs, "connectivityType") == privateNATConnection {
		return ""
	}
	return vpcOf(x, m)
}
