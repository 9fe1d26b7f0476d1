package emulator

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// world is one resource of every kind that a program can ask for, with the inputs that it was asked with.
type world struct {
	d      *driver
	things map[string]*thing
	asked  map[string]props
	order  []string
	// address is a second one, for the interface: the NAT gateway has the first.
	address *thing
}

func (w *world) add(typ string, p props) *thing {
	w.d.t.Helper()
	w.things[typ] = w.d.make(typ, "one", p)
	w.asked[typ] = p
	w.order = append(w.order, typ)
	return w.things[typ]
}

// everything makes a world.
func everything(d *driver) *world {
	d.t.Helper()
	w := &world{d: d, things: map[string]*thing{}, asked: map[string]props{}}
	tags := props{"Name": "one"}
	vpc := w.add(VPCType, props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true, "tags": tags})
	subnet := w.add(SubnetType, props{"vpcId": vpc.id, "cidrBlock": "10.42.0.0/20", "availabilityZone": "us-west-1a"})
	igw := w.add(InternetGatewayType, props{"vpcId": vpc.id, "tags": tags})
	table := w.add(RouteTableType, props{"vpcId": vpc.id})
	w.add(RouteType, props{"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.id})
	w.add(RouteTableAssociationType, props{"routeTableId": table.id, "subnetId": subnet.id})
	eip := w.add(EIPType, props{"domain": "vpc", "tags": tags})
	w.add(NATGatewayType, props{"subnetId": subnet.id, "allocationId": eip.id})
	group := w.add(SecurityGroupType, props{"vpcId": vpc.id, "description": "test"})
	w.add(IngressRuleType, props{"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "10.0.0.0/8"})
	w.add(EgressRuleType, props{"securityGroupId": group.id, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"})
	w.add(DefaultSecurityGroupType, props{"vpcId": vpc.id})
	eni := w.add(NetworkInterfaceType, props{"subnetId": subnet.id, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": false,
		"securityGroups": []any{group.id}})
	w.address = d.eip("fixed")
	w.add(EIPAssociationType, props{"allocationId": w.address.id, "networkInterfaceId": eni.id})
	w.add(VPCEndpointType, props{"vpcId": vpc.id, "serviceName": "com.amazonaws.us-west-1.ssm", "vpcEndpointType": "Interface",
		"subnetIds": []any{subnet.id}, "securityGroupIds": []any{group.id}, "privateDnsEnabled": true})
	logs := w.add(LogGroupType, props{"retentionInDays": 14})
	role := w.add(RoleType, props{"assumeRolePolicy": trust})
	w.add(RolePolicyType, props{"role": role.id, "policy": `{"Statement":[]}`})
	profile := w.add(InstanceProfileType, props{"role": role.id})
	w.add(FlowLogType, props{"vpcId": vpc.id, "trafficType": "ALL", "iamRoleArn": role.out("arn"), "logDestination": logs.out("arn")})
	template := w.add(LaunchTemplateType, props{"imageId": "resolve:ssm:/aws/service/debian/release/12/latest/arm64",
		"instanceType": "m7g.large", "vpcSecurityGroupIds": []any{group.id}, "iamInstanceProfile": props{"name": profile.id},
		"metadataOptions": props{"httpTokens": "required"}})
	w.add(AutoScalingGroupType, props{"minSize": 0, "maxSize": 3, "desiredCapacity": 2, "vpcZoneIdentifiers": []any{subnet.id},
		"launchTemplate": props{"id": template.id, "version": "$Latest"},
		"tags":           []any{props{"key": "Name", "value": "one", "propagateAtLaunch": true}}})
	w.addLink(vpc, table)
	w.fillRegion()
	return w
}

// TestEveryKind makes one of each, and checks it against the property table and against itself.
func TestEveryKind(t *testing.T) {
	d := open(t)
	w := everything(d)
	for typ, k := range registry().kinds {
		if k.Hidden {
			continue
		}
		r, ok := w.things[typ]
		if !ok {
			t.Errorf("%s has rules and is made by no test", typ)
			continue
		}
		t.Run(typ, func(t *testing.T) {
			state := d.unpack(r.state)
			for _, name := range k.Properties().AlwaysSet {
				if v, ok := state[name]; !ok || v == nil {
					t.Errorf("output %s is never absent and is not set", name)
				}
			}
			if d := r.diff(w.asked[typ]); len(d.GetDetailedDiff()) > 0 {
				t.Errorf("a second run would change %v", d.GetDetailedDiff())
			}
		})
	}
}

// TestEveryKindReadsBack refreshes and imports one of each: neither may show a difference, save for what no cloud tells.
func TestEveryKindReadsBack(t *testing.T) {
	d := open(t)
	w := everything(d)
	importIDs := map[string]string{}
	for _, r := range d.resources() {
		importIDs[r.Type+r.ID] = r.ImportID
	}
	before := d.journal()
	for typ, r := range w.things {
		t.Run(typ, func(t *testing.T) {
			refreshed := r.d.read(typ, "one", r.id, r.inputs)
			if diff := refreshed.diff(w.asked[typ]); len(diff.GetDetailedDiff()) > 0 {
				t.Errorf("after a refresh: %v", diff.GetDetailedDiff())
			}
			imported := r.d.read(typ, "one", importIDs[typ+r.id], nil)
			if imported.id != r.id {
				t.Fatalf("import of %q found %q, want %q", importIDs[typ+r.id], imported.id, r.id)
			}
			for _, name := range registry().KindOf(typ).WriteOnly {
				if v, ok := imported.d.unpack(imported.state)[name]; ok {
					t.Errorf("after an import: %s is %v, which no cloud tells", name, v)
				}
			}
			for path := range imported.diff(w.asked[typ]).GetDetailedDiff() {
				if !slices.Contains(registry().KindOf(typ).WriteOnly, path) {
					t.Errorf("after an import: %s differs", path)
				}
			}
		})
	}
	if d.journal() != before {
		t.Error("reading wrote to the journal")
	}
}

// TestEveryKindGoes deletes all in the reverse order: nothing is left, and a second delete of anything succeeds.
func TestEveryKindGoes(t *testing.T) {
	d := open(t)
	w := everything(d)
	order := slices.Clone(w.order)
	slices.Reverse(order)
	for _, typ := range order {
		w.things[typ].delete()
	}
	w.address.delete()
	for _, r := range d.resources() {
		t.Errorf("%s %s is left", r.Type, r.ID)
	}
	n := len(d.operations())
	for _, typ := range order {
		w.things[typ].delete()
		if r := w.things[typ].d.read(typ, "one", w.things[typ].id, w.things[typ].inputs); r.id != "" {
			t.Errorf("%s is gone and was read as %q", typ, r.id)
		}
	}
	if got := len(d.operations()); got != n {
		t.Errorf("deleting what is gone made %d operations", got-n)
	}
}

// TestEveryReference breaks each reference of each kind in turn.
func TestEveryReference(t *testing.T) {
	d := open(t, "quota=L-0263D0A3:50", "quota=L-F678F1CE:50", "quota=L-A4707A72:50", "quota=L-FE5A380F:50")
	w := everything(d)
	for _, typ := range w.order {
		for _, rule := range registry().KindOf(typ).References {
			if strings.Contains(rule.Path, ".") || ValuesAt(plainProps(w.asked[typ]), rule.Path) == nil {
				continue
			}
			t.Run(typ+"."+rule.Path, func(t *testing.T) {
				on := w.things[typ].d
				on.t = t
				p := maps.Clone(w.asked[typ])
				name, list := strings.CutSuffix(rule.Path, "[]")
				p[name] = "arn:aws:none:us-west-1:123456789012:log-group:none-1"
				if list {
					p[name] = []any{"none-1"}
				}
				on.refusesToMake(typ, p, "none-1")
			})
		}
	}
}

func plainProps(p props) map[string]any { return PlainMap(property(p).ObjectValue()) }

func TestReferenceIntoAnotherRegion(t *testing.T) {
	d := open(t)
	other := d.elsewhere(props{"region": "us-east-2"})
	vpc := other.vpc("10.1.0.0/16")
	d.refusesToMake(SubnetType, props{"vpcId": vpc.id, "cidrBlock": "10.1.0.0/24"},
		"InvalidVpcID.NotFound: The vpc ID '"+vpc.id+"' does not exist", "it is in us-east-2")
}

func TestReferenceIntoAnotherVPC(t *testing.T) {
	d := open(t)
	one, two := d.vpc("10.1.0.0/16"), d.vpc("10.2.0.0/16")
	subnet := d.subnet(two, "us-west-1a", "10.2.0.0/24")
	table := d.make(RouteTableType, "table", props{"vpcId": one.id})
	d.refusesToMake(RouteTableAssociationType, props{"routeTableId": table.id, "subnetId": subnet.id}, "belong to different networks")
	group := d.make(SecurityGroupType, "group", props{"vpcId": one.id})
	d.refusesToMake(NetworkInterfaceType, props{"subnetId": subnet.id, "securityGroups": []any{group.id}}, "belong to different networks")
	igw := d.gateway(two)
	d.refusesToMake(RouteType, props{"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.id},
		"belong to different networks")
	d.refusesToMake(IngressRuleType, props{"securityGroupId": d.make(SecurityGroupType, "other", props{"vpcId": two.id}).id,
		"ipProtocol": "-1", "referencedSecurityGroupId": group.id}, "belong to different networks")
}
