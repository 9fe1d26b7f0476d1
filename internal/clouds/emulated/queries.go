// Package emulated answers the queries of verification and of adoption from the emulated cloud.
package emulated

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/link"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// Queries answers verification's queries from the emulated cloud's state, which holds everything at once and never fails.
type Queries struct{ State *emulator.State }

// find looks for a thing of one type: names serve some types as ids, and another type may have the same.
func (c Queries) find(typ, id string) (emulator.Resource, bool) {
	return c.first(typ, func(r emulator.Resource) bool { return r.ID == id })
}

func (c Queries) first(typ string, is func(emulator.Resource) bool) (emulator.Resource, bool) {
	all := c.State.List(typ)
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return emulator.Resource{}, false
}

func (c Queries) FindDefaultRoute(_ context.Context, subnetID string) (verify.Route, error) {
	way := aws.DefaultRoute(c.State, subnetID)
	return verify.Route{Kind: way.Kind, Live: way.Live, Why: way.Why}, nil
}

func (c Queries) FindSubnet(_ context.Context, subnetID string) (cidr, zone string, ok bool, err error) {
	subnet, found := c.find("aws:ec2/subnet:Subnet", subnetID)
	return text(subnet.Outputs["cidrBlock"]), text(subnet.Outputs["availabilityZone"]), found, nil
}

func (c Queries) ListPropagatedRoutes(_ context.Context, subnetID string) ([]string, bool, error) {
	association, found := c.first("aws:ec2/routeTableAssociation:RouteTableAssociation", func(r emulator.Resource) bool {
		return r.Outputs["subnetId"] == subnetID
	})
	if !found { // the VPC's main table holds, which no VPN gateway tells anything
		return nil, true, nil
	}
	return link.PropagatedRoutes(c.State, text(association.Outputs["routeTableId"])), true, nil
}

func (c Queries) FindGroup(_ context.Context, name string) (verify.Group, bool, error) {
	group, found := c.find("aws:autoscaling/group:Group", name)
	if !found {
		return verify.Group{}, false, nil
	}
	weights := weightsOf(group)
	var g verify.Group
	for _, machine := range c.State.List("aws:ec2/instance:Instance") {
		if machine.Region != group.Region || machine.Tags["aws:autoscaling:groupName"] != name {
			continue
		}
		g.Machines++
		if machine.Outputs["lifecycleState"] == "InService" {
			g.InService += max(1, weights[text(machine.Outputs["instanceType"])])
		}
	}
	return g, true, nil
}

// weightsOf are the weights of a group's types, of those that have one.
func weightsOf(group emulator.Resource) map[string]int {
	policy, _ := group.Outputs["mixedInstancesPolicy"].(map[string]any)
	template, _ := policy["launchTemplate"].(map[string]any)
	overrides, _ := template["overrides"].([]any)
	weights := map[string]int{}
	for _, each := range overrides {
		override, _ := each.(map[string]any)
		if weight, err := strconv.Atoi(text(override["weightedCapacity"])); err == nil {
			weights[text(override["instanceType"])] = weight
		}
	}
	return weights
}

func (c Queries) FindVolume(_ context.Context, id string) (verify.Volume, bool, error) {
	volume, found := c.find("aws:ebs/volume:Volume", id)
	size, _ := volume.Outputs["size"].(float64)
	return verify.Volume{
		Zone: text(volume.Outputs["availabilityZone"]), GiB: int(size), Encrypted: volume.Outputs["encrypted"] == true, Tags: volume.Tags,
	}, found, nil
}

func (c Queries) FindInterface(_ context.Context, subnetID, address string) (string, bool, error) {
	nic, found := c.first("aws:ec2/networkInterface:NetworkInterface", func(r emulator.Resource) bool {
		return r.Outputs["subnetId"] == subnetID && slices.Contains(texts(r.Outputs["privateIps"]), address)
	})
	return nic.ID, found, nil
}

func (c Queries) FindParameter(_ context.Context, name string) (string, bool, error) {
	parameter, found := c.find("aws:ssm/parameter:Parameter", name)
	if value, plain := parameter.Outputs["insecureValue"].(string); plain && value != "" {
		return value, found, nil
	}
	return text(parameter.Outputs["value"]), found, nil
}

// Tunnel takes both sessions for established when both ends agree on everything, which is when the emulated tunnel is up.
func (c Queries) FindTunnel(_ context.Context, connectionID string, number int, gcpName string) (verify.Tunnel, bool, error) {
	all := link.Tunnels(c.State)
	i := slices.IndexFunc(all, func(t link.Tunnel) bool { return t.AWS == connectionID && t.Number == number })
	if i < 0 {
		return verify.Tunnel{}, false, nil
	}
	found := verify.Tunnel{AWS: all[i].Up, GCP: all[i].Up, Why: strings.Join(all[i].Why, "; ")}
	if all[i].Up && all[i].Name != gcpName {
		found.GCP, found.Why = false, "GCP's tunnel there is "+all[i].Name+", not "+gcpName
	}
	return found, true, nil
}

func (c Queries) ListPrivateRecords(_ context.Context, vpcID string) ([]verify.Record, error) {
	zones := map[string]bool{}
	for _, zone := range c.State.List("aws:route53/zone:Zone") {
		vpcs, _ := zone.Outputs["vpcs"].([]any)
		zones[zone.ID] = slices.ContainsFunc(vpcs, func(each any) bool {
			vpc, _ := each.(map[string]any)
			return vpc["vpcId"] == vpcID
		})
	}
	var records []verify.Record
	for _, r := range c.State.List("aws:route53/record:Record") {
		if zones[text(r.Outputs["zoneId"])] {
			records = append(records, verify.Record{Name: text(r.Outputs["name"]), Type: text(r.Outputs["type"]), Values: texts(r.Outputs["records"])})
		}
	}
	return records, nil
}

// text and texts read a JSON value; what is of another kind, or absent, is empty.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func texts(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, each := range list {
		all = append(all, text(each))
	}
	return all
}
