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
	"github.com/beachhead-build/beachhead/internal/restype"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// Queries answers verification's queries from the emulated cloud's state, which holds everything at once and never fails.
type Queries struct{ State *emulator.State }

// findByID returns the resource of a type that has an id. Some types use names as ids, so another type may have the same id.
func (c Queries) findByID(typ, id string) (emulator.Resource, bool) {
	return c.findFirst(typ, func(r emulator.Resource) bool { return r.ID == id })
}

func (c Queries) findFirst(typ string, is func(emulator.Resource) bool) (emulator.Resource, bool) {
	all := c.State.List(typ)
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return emulator.Resource{}, false
}

// FindDefaultRoute returns the target of a subnet's default route and whether packets on it reach the internet.
func (c Queries) FindDefaultRoute(_ context.Context, subnetID string) (verify.Route, error) {
	route := aws.DefaultRoute(c.State, subnetID)
	return verify.Route{Kind: route.Kind, Live: route.Live, Why: route.Why}, nil
}

// FindSubnet returns a subnet's CIDR block and availability zone. It returns false when no subnet has the id.
func (c Queries) FindSubnet(_ context.Context, subnetID string) (cidr, zone string, ok bool, err error) {
	subnet, found := c.findByID(restype.Subnet, subnetID)
	return asText(subnet.Outputs["cidrBlock"]), asText(subnet.Outputs["availabilityZone"]), found, nil
}

// ListPropagatedRoutes returns the ranges that VPN gateways propagate to a subnet's route table. The list is empty when the subnet has no
// route table of its own.
func (c Queries) ListPropagatedRoutes(_ context.Context, subnetID string) ([]string, bool, error) {
	association, found := c.findFirst(restype.RouteTableAssociation, func(r emulator.Resource) bool {
		return r.Outputs["subnetId"] == subnetID
	})
	if !found { // the subnet uses the VPC's main table, to which no VPN gateway propagates routes
		return nil, true, nil
	}
	return link.PropagatedRoutes(c.State, asText(association.Outputs["routeTableId"])), true, nil
}

// FindGroup returns a scaling group's machines, and the capacity of those that are InService, in the unit of the instance types' weights
// (1 for a type without a weight).
func (c Queries) FindGroup(_ context.Context, name string) (verify.Group, bool, error) {
	group, found := c.findByID(restype.ScalingGroup, name)
	if !found {
		return verify.Group{}, false, nil
	}
	weights := typeWeights(group)
	var g verify.Group
	for _, machine := range c.State.List(restype.Instance) {
		if machine.Region != group.Region || machine.Tags["aws:autoscaling:groupName"] != name {
			continue
		}
		g.Machines++
		if machine.Outputs["lifecycleState"] == "InService" {
			g.InService += max(1, weights[asText(machine.Outputs["instanceType"])])
		}
	}
	return g, true, nil
}

// typeWeights returns the weights of a group's instance types, without the types that have none.
func typeWeights(group emulator.Resource) map[string]int {
	policy, _ := group.Outputs["mixedInstancesPolicy"].(map[string]any)
	template, _ := policy["launchTemplate"].(map[string]any)
	overrides, _ := template["overrides"].([]any)
	weights := map[string]int{}
	for _, each := range overrides {
		override, _ := each.(map[string]any)
		if weight, err := strconv.Atoi(asText(override["weightedCapacity"])); err == nil {
			weights[asText(override["instanceType"])] = weight
		}
	}
	return weights
}

// FindVolume returns a volume's zone, size in GiB, encryption and tags. It returns false when no volume has the id.
func (c Queries) FindVolume(_ context.Context, id string) (verify.Volume, bool, error) {
	volume, found := c.findByID(restype.Volume, id)
	size, _ := volume.Outputs["size"].(float64)
	return verify.Volume{
		Zone: asText(volume.Outputs["availabilityZone"]), GiB: int(size), Encrypted: volume.Outputs["encrypted"] == true, Tags: volume.Tags,
	}, found, nil
}

// FindInterface returns the id of the network interface that has a private address in a subnet, and false when none has it.
func (c Queries) FindInterface(_ context.Context, subnetID, address string) (string, bool, error) {
	nic, found := c.findFirst(restype.NetworkInterface, func(r emulator.Resource) bool {
		return r.Outputs["subnetId"] == subnetID && slices.Contains(asTexts(r.Outputs["privateIps"]), address)
	})
	return nic.ID, found, nil
}

// FindParameter returns a parameter's value: insecureValue where the program set it, else its secret value. It returns false when no
// parameter has the name.
func (c Queries) FindParameter(_ context.Context, name string) (string, bool, error) {
	parameter, found := c.findByID(restype.Parameter, name)
	if value, plain := parameter.Outputs["insecureValue"].(string); plain && value != "" {
		return value, found, nil
	}
	return asText(parameter.Outputs["value"]), found, nil
}

// FindTunnel reports both sessions as established if the emulated tunnel is up, that is, if both ends agree on everything.
func (c Queries) FindTunnel(_ context.Context, connectionID string, number int, gcpName string) (verify.Tunnel, bool, error) {
	all := link.Tunnels(c.State)
	i := slices.IndexFunc(all, func(t link.Tunnel) bool { return t.AWS == connectionID && t.Number == number })
	if i < 0 {
		return verify.Tunnel{}, false, nil
	}
	found := verify.Tunnel{AWS: all[i].Up, GCP: all[i].Up, Why: strings.Join(all[i].Why, "; ")}
	if all[i].Up && all[i].Name != gcpName {
		found.GCP, found.Why = false, "the tunnel at GCP's end is "+all[i].Name+", not "+gcpName
	}
	return found, true, nil
}

// ListPrivateRecords returns the records of all hosted zones that are associated with a VPC.
func (c Queries) ListPrivateRecords(_ context.Context, vpcID string) ([]verify.Record, error) {
	zones := map[string]bool{}
	for _, zone := range c.State.List(restype.DNSZone) {
		vpcs, _ := zone.Outputs["vpcs"].([]any)
		zones[zone.ID] = slices.ContainsFunc(vpcs, func(each any) bool {
			vpc, _ := each.(map[string]any)
			return vpc["vpcId"] == vpcID
		})
	}
	var records []verify.Record
	for _, r := range c.State.List(restype.DNSRecord) {
		if zones[asText(r.Outputs["zoneId"])] {
			records = append(records, verify.Record{
				Name: asText(r.Outputs["name"]), Type: asText(r.Outputs["type"]), Values: asTexts(r.Outputs["records"]),
			})
		}
	}
	return records, nil
}

// asText returns a JSON value as text; empty when it is absent or of another kind.
func asText(v any) string {
	s, _ := v.(string)
	return s
}

// asTexts returns a JSON list as texts.
func asTexts(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, each := range list {
		all = append(all, asText(each))
	}
	return all
}
