package emulator

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

const TrustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// World is one resource of every kind that a program can ask for, with the inputs that it was asked with.
type World struct {
	Driver  *Driver
	Handles map[string]*Handle
	Asked   map[string]Props
	Order   []string
	// Address is a second one, for the interface: the NAT gateway has the first.
	Address *Handle
}

func (w *World) Add(typ string, p Props) *Handle {
	w.Driver.T.Helper()
	w.Handles[typ] = w.Driver.Create(typ, "one", p)
	w.Asked[typ] = p
	w.Order = append(w.Order, typ)
	return w.Handles[typ]
}

// Everything makes a world.
func Everything(d *Driver) *World {
	d.T.Helper()
	w := &World{Driver: d, Handles: map[string]*Handle{}, Asked: map[string]Props{}}
	tags := Props{"Name": "one"}
	vpc := w.Add(VPCType, Props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true, "tags": tags})
	subnet := w.Add(SubnetType, Props{"vpcId": vpc.ID, "cidrBlock": "10.42.0.0/20", "availabilityZone": "us-west-1a"})
	igw := w.Add(InternetGatewayType, Props{"vpcId": vpc.ID, "tags": tags})
	table := w.Add(RouteTableType, Props{"vpcId": vpc.ID})
	w.Add(RouteType, Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.ID})
	w.Add(RouteTableAssociationType, Props{"routeTableId": table.ID, "subnetId": subnet.ID})
	eip := w.Add(EIPType, Props{"domain": "vpc", "tags": tags})
	w.Add(NATGatewayType, Props{"subnetId": subnet.ID, "allocationId": eip.ID})
	group := w.Add(SecurityGroupType, Props{"vpcId": vpc.ID, "description": "test"})
	w.Add(IngressRuleType, Props{"securityGroupId": group.ID, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "10.0.0.0/8"})
	w.Add(EgressRuleType, Props{"securityGroupId": group.ID, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"})
	w.Add(DefaultSecurityGroupType, Props{"vpcId": vpc.ID})
	eni := w.Add(NetworkInterfaceType, Props{"subnetId": subnet.ID, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": false,
		"securityGroups": []any{group.ID}})
	w.Address = d.EIP("fixed")
	w.Add(EIPAssociationType, Props{"allocationId": w.Address.ID, "networkInterfaceId": eni.ID})
	w.Add(VPCEndpointType, Props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-west-1.ssm", "vpcEndpointType": "Interface",
		"subnetIds": []any{subnet.ID}, "securityGroupIds": []any{group.ID}, "privateDnsEnabled": true})
	logs := w.Add(LogGroupType, Props{"retentionInDays": 14})
	role := w.Add(RoleType, Props{"assumeRolePolicy": TrustPolicy})
	w.Add(RolePolicyType, Props{"role": role.ID, "policy": `{"Statement":[]}`})
	profile := w.Add(InstanceProfileType, Props{"role": role.ID})
	w.Add(FlowLogType, Props{"vpcId": vpc.ID, "trafficType": "ALL", "iamRoleArn": role.Output("arn"), "logDestination": logs.Output("arn")})
	template := w.Add(LaunchTemplateType, Props{"imageId": "resolve:ssm:/aws/service/debian/release/12/latest/arm64",
		"instanceType": "m7g.large", "vpcSecurityGroupIds": []any{group.ID}, "iamInstanceProfile": Props{"name": profile.ID},
		"metadataOptions": Props{"httpTokens": "required"}})
	w.Add(AutoScalingGroupType, Props{"minSize": 0, "maxSize": 3, "desiredCapacity": 2, "vpcZoneIdentifiers": []any{subnet.ID},
		"launchTemplate": Props{"id": template.ID, "version": "$Latest"},
		"tags":           []any{Props{"key": "Name", "value": "one", "propagateAtLaunch": true}}})
	w.addLink(vpc, table)
	w.fillRegion()
	return w
}

// TestEveryKind makes one of each, and checks it against the property table and against itself.
func TestEveryKind(t *testing.T) {
	d := Start(t)
	w := Everything(d)
	for _, k := range Rules().Kinds() {
		typ := k.Type
		if k.Hidden {
			continue
		}
		r, ok := w.Handles[typ]
		if !ok {
			t.Errorf("%s has rules and is made by no test", typ)
			continue
		}
		t.Run(typ, func(t *testing.T) {
			state := d.Unpack(r.State)
			for _, name := range k.Properties().AlwaysSet {
				if v, ok := state[name]; !ok || v == nil {
					t.Errorf("output %s is never absent and is not set", name)
				}
			}
			if d := r.Diff(w.Asked[typ]); len(d.GetDetailedDiff()) > 0 {
				t.Errorf("a second run would change %v", d.GetDetailedDiff())
			}
		})
	}
}

// TestEveryKindReadsBack refreshes and imports one of each: neither may show a difference, save for what no cloud tells.
func TestEveryKindReadsBack(t *testing.T) {
	d := Start(t)
	w := Everything(d)
	importIDs := map[string]string{}
	for _, r := range d.Resources() {
		importIDs[r.Type+r.ID] = r.ImportID
	}
	before := d.Journal()
	for typ, r := range w.Handles {
		t.Run(typ, func(t *testing.T) {
			refreshed := r.Driver.Read(typ, "one", r.ID, r.Inputs)
			if diff := refreshed.Diff(w.Asked[typ]); len(diff.GetDetailedDiff()) > 0 {
				t.Errorf("after a refresh: %v", diff.GetDetailedDiff())
			}
			imported := r.Driver.Read(typ, "one", importIDs[typ+r.ID], nil)
			if imported.ID != r.ID {
				t.Fatalf("import of %q found %q, want %q", importIDs[typ+r.ID], imported.ID, r.ID)
			}
			for _, name := range Rules().KindOf(typ).WriteOnly {
				if v, ok := imported.Driver.Unpack(imported.State)[name]; ok {
					t.Errorf("after an import: %s is %v, which no cloud tells", name, v)
				}
			}
			for path := range imported.Diff(w.Asked[typ]).GetDetailedDiff() {
				if !slices.Contains(Rules().KindOf(typ).WriteOnly, path) {
					t.Errorf("after an import: %s differs", path)
				}
			}
		})
	}
	if d.Journal() != before {
		t.Error("reading wrote to the journal")
	}
}

// TestEveryKindGoes deletes all in the reverse order: nothing is left, and a second delete of anything succeeds.
func TestEveryKindGoes(t *testing.T) {
	d := Start(t)
	w := Everything(d)
	order := slices.Clone(w.Order)
	slices.Reverse(order)
	for _, typ := range order {
		w.Handles[typ].Delete()
	}
	w.Address.Delete()
	for _, r := range d.Resources() {
		t.Errorf("%s %s is left", r.Type, r.ID)
	}
	n := len(d.Operations())
	for _, typ := range order {
		w.Handles[typ].Delete()
		if r := w.Handles[typ].Driver.Read(typ, "one", w.Handles[typ].ID, w.Handles[typ].Inputs); r.ID != "" {
			t.Errorf("%s is gone and was read as %q", typ, r.ID)
		}
	}
	if got := len(d.Operations()); got != n {
		t.Errorf("deleting what is gone made %d operations", got-n)
	}
}

// TestEveryReference breaks each reference of each kind in turn.
func TestEveryReference(t *testing.T) {
	d := Start(t, "quota=L-0263D0A3:50", "quota=L-F678F1CE:50", "quota=L-A4707A72:50", "quota=L-FE5A380F:50")
	w := Everything(d)
	for _, typ := range w.Order {
		for _, rule := range Rules().KindOf(typ).References {
			if strings.Contains(rule.Path, ".") || ValuesAt(PlainProps(w.Asked[typ]), rule.Path) == nil {
				continue
			}
			t.Run(typ+"."+rule.Path, func(t *testing.T) {
				on := w.Handles[typ].Driver
				on.T = t
				p := maps.Clone(w.Asked[typ])
				name, list := strings.CutSuffix(rule.Path, "[]")
				p[name] = "arn:aws:none:us-west-1:123456789012:log-group:none-1"
				if list {
					p[name] = []any{"none-1"}
				}
				on.RequireCreateRefusal(typ, p, "none-1")
			})
		}
	}
}

func PlainProps(p Props) map[string]any { return PlainMap(Property(p).ObjectValue()) }

func TestReferenceIntoAnotherRegion(t *testing.T) {
	d := Start(t)
	other := d.Elsewhere(Props{"region": "us-east-2"})
	vpc := other.VPC("10.1.0.0/16")
	d.RequireCreateRefusal(SubnetType, Props{"vpcId": vpc.ID, "cidrBlock": "10.1.0.0/24"},
		"InvalidVpcID.NotFound: The vpc ID '"+vpc.ID+"' does not exist", "it is in us-east-2")
}

func TestReferenceIntoAnotherVPC(t *testing.T) {
	d := Start(t)
	one, two := d.VPC("10.1.0.0/16"), d.VPC("10.2.0.0/16")
	subnet := d.Subnet(two, "us-west-1a", "10.2.0.0/24")
	table := d.Create(RouteTableType, "table", Props{"vpcId": one.ID})
	d.RequireCreateRefusal(RouteTableAssociationType, Props{"routeTableId": table.ID, "subnetId": subnet.ID}, "belong to different networks")
	group := d.Create(SecurityGroupType, "group", Props{"vpcId": one.ID})
	d.RequireCreateRefusal(NetworkInterfaceType, Props{"subnetId": subnet.ID, "securityGroups": []any{group.ID}}, "belong to different networks")
	igw := d.InternetGateway(two)
	d.RequireCreateRefusal(RouteType, Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.ID},
		"belong to different networks")
	d.RequireCreateRefusal(IngressRuleType, Props{"securityGroupId": d.Create(SecurityGroupType, "other", Props{"vpcId": two.ID}).ID,
		"ipProtocol": "-1", "referencedSecurityGroupId": group.ID}, "belong to different networks")
}
