package emulatortest

import (
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

// TrustPolicy is an IAM trust policy by which EC2 instances assume a role.
const TrustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// World is one resource of every kind that a program can create, with its inputs.
type World struct {
	Driver  *Driver
	Handles map[string]*Handle
	Asked   map[string]Props
	Order   []string
	// Address is a second address, for the interface: the NAT gateway has the first.
	Address *Handle
}

// Add creates a resource with the name "one". It records the resource and its inputs in the world, under the resource's type.
func (w *World) Add(typ string, p Props) *Handle {
	w.Driver.T.Helper()
	w.Handles[typ] = w.Driver.Create(typ, "one", p)
	w.Asked[typ] = p
	w.Order = append(w.Order, typ)
	return w.Handles[typ]
}

// Everything creates a world.
func Everything(d *Driver) *World {
	d.T.Helper()
	w := &World{Driver: d, Handles: map[string]*Handle{}, Asked: map[string]Props{}}
	tags := Props{"Name": "one"}
	vpc := w.Add(aws.VPCType, Props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true, "tags": tags})
	subnet := w.Add(aws.SubnetType, Props{"vpcId": vpc.ID, "cidrBlock": "10.42.0.0/20", "availabilityZone": "us-west-1a"})
	igw := w.Add(aws.InternetGatewayType, Props{"vpcId": vpc.ID, "tags": tags})
	table := w.Add(aws.RouteTableType, Props{"vpcId": vpc.ID})
	w.Add(aws.RouteType, Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.ID})
	w.Add(aws.RouteTableAssociationType, Props{"routeTableId": table.ID, "subnetId": subnet.ID})
	eip := w.Add(aws.EIPType, Props{"domain": "vpc", "tags": tags})
	w.Add(aws.NATGatewayType, Props{"subnetId": subnet.ID, "allocationId": eip.ID})
	group := w.Add(aws.SecurityGroupType, Props{"vpcId": vpc.ID, "description": "test"})
	w.Add(aws.IngressRuleType, Props{"securityGroupId": group.ID, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443,
		"cidrIpv4": "10.0.0.0/8"})
	w.Add(aws.EgressRuleType, Props{"securityGroupId": group.ID, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"})
	w.Add(aws.DefaultSecurityGroupType, Props{"vpcId": vpc.ID})
	eni := w.Add(aws.NetworkInterfaceType, Props{"subnetId": subnet.ID, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": false,
		"securityGroups": []any{group.ID}})
	w.Address = d.EIP("fixed")
	w.Add(aws.EIPAssociationType, Props{"allocationId": w.Address.ID, "networkInterfaceId": eni.ID})
	w.Add(aws.VPCEndpointType, Props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-west-1.ssm", "vpcEndpointType": "Interface",
		"subnetIds": []any{subnet.ID}, "securityGroupIds": []any{group.ID}, "privateDnsEnabled": true})
	logs := w.Add(aws.LogGroupType, Props{"retentionInDays": 14})
	role := w.Add(aws.RoleType, Props{"assumeRolePolicy": TrustPolicy})
	w.Add(aws.RolePolicyType, Props{"role": role.ID, "policy": `{"Statement":[]}`})
	profile := w.Add(aws.InstanceProfileType, Props{"role": role.ID})
	w.Add(aws.FlowLogType, Props{"vpcId": vpc.ID, "trafficType": "ALL", "iamRoleArn": role.Output("arn"),
		"logDestination": logs.Output("arn")})
	template := w.Add(aws.LaunchTemplateType, Props{"imageId": "resolve:ssm:/aws/service/debian/release/12/latest/arm64",
		"instanceType": "m7g.large", "vpcSecurityGroupIds": []any{group.ID}, "iamInstanceProfile": Props{"name": profile.ID},
		"metadataOptions": Props{"httpTokens": "required"}})
	w.Add(aws.AutoScalingGroupType, Props{"minSize": 0, "maxSize": 3, "desiredCapacity": 2, "vpcZoneIdentifiers": []any{subnet.ID},
		"launchTemplate": Props{"id": template.ID, "version": "$Latest"},
		"tags":           []any{Props{"key": "Name", "value": "one", "propagateAtLaunch": true}}})
	w.addLink(vpc, table)
	w.fillRegion()
	return w
}

// addLink adds one of each kind that links the clouds, and of Google's others.
func (w *World) addLink(vpc, table *Handle) {
	w.Driver.T.Helper()
	onAWS, google := w.Driver, w.Driver.GCP()
	w.Driver = google
	network := w.Add(gcp.NetworkType, Props{"routingMode": "GLOBAL"})
	gateway := w.Add(gcp.HAVPNGatewayType, Props{"network": network.ID})
	router := w.Add(gcp.RouterType, Props{"network": network.Output("selfLink"), "bgp": Props{"asn": 64520, "advertiseMode": "CUSTOM",
		"advertisedGroups": []any{"ALL_SUBNETS"}, "advertisedIpRanges": []any{Props{"range": "199.36.153.8/30"}}}})
	w.Driver = onAWS
	customer := w.Add(aws.CustomerGatewayType, Props{"bgpAsn": "64520", "ipAddress": AddressOf(gateway, "vpnInterfaces", 0),
		"type": "ipsec.1"})
	vgw := w.Add(aws.VPNGatewayType, Props{"amazonSideAsn": "64620", "tags": Props{"Name": "one"}})
	w.Add(aws.VPNGatewayAttachmentType, Props{"vpcId": vpc.ID, "vpnGatewayId": vgw.ID})
	w.Add(aws.RoutePropagationType, Props{"routeTableId": table.ID, "vpnGatewayId": vgw.ID})
	vpn := w.Add(aws.VPNConnectionType, Props{"customerGatewayId": customer.ID, "vpnGatewayId": vgw.ID, "type": "ipsec.1"})
	w.Driver = google
	external := w.Add(gcp.ExternalVPNGatewayType, Props{"redundancyType": "TWO_IPS_REDUNDANCY", "labels": Props{"a": "b"}, "interfaces": []any{
		Props{"id": 0, "ipAddress": vpn.Output("tunnel1Address")}, Props{"id": 1, "ipAddress": vpn.Output("tunnel2Address")}}})
	tunnel := w.Add(gcp.VPNTunnelType, Props{"vpnGateway": gateway.ID, "vpnGatewayInterface": 0, "peerExternalGateway": external.ID,
		"peerExternalGatewayInterface": 0, "router": router.Output("name"), "sharedSecret": vpn.Output("tunnel1PresharedKey")})
	face := w.Add(gcp.RouterInterfaceType, Props{"router": router.Output("name"), "vpnTunnel": tunnel.Output("name"),
		"ipRange": "169.254.6.2/30"})
	w.Add(gcp.RouterPeerType, Props{"router": router.Output("name"), "interface": face.Output("name"), "peerAsn": 64620,
		"peerIpAddress": "169.254.6.1"})
	w.Add(gcp.FirewallType, Props{"network": network.ID, "sourceRanges": []any{"10.42.0.0/17"},
		"allows": []any{Props{"protocol": "tcp", "ports": []any{"443"}}}})
	zone := w.Add(gcp.ManagedZoneType, Props{"dnsName": "example.com.", "visibility": "private",
		"privateVisibilityConfig": Props{"networks": []any{Props{"networkUrl": network.ID}}}})
	w.Add(gcp.RecordSetType, Props{"managedZone": zone.Output("name"), "name": "api.example.com.", "type": "A", "ttl": 300,
		"rrdatas": []any{"10.168.0.10"}})
	policy := w.Add(gcp.SecurityPolicyType, Props{})
	w.Add(gcp.SecurityPolicyRuleType, Props{"securityPolicy": policy.Output("name"), "priority": 1000, "action": "allow",
		"match": Props{"versionedExpr": "SRC_IPS_V1", "config": Props{"srcIpRanges": []any{"198.51.100.7/32"}}}})
	w.Driver = onAWS
}

// AddressOf reads the address of a gateway's interface.
func AddressOf(gateway *Handle, list string, i int) string {
	return cloud.Text(cloud.Objects(gateway.Output(list))[i]["ipAddress"])
}

// DebianImage is an image id that EC2 resolves at launch: Debian publishes its newest image, for arm64, in this public parameter.
const DebianImage = "resolve:ssm:/aws/service/debian/release/12/latest/arm64"
