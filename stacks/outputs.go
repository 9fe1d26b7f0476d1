package stacks

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// OutputsVersion is the version of the stack's outputs. It changes when a name goes away or changes its shape.
const OutputsVersion = 2

// Outputs are what a region's stack tells other programs and people. There are no secrets among them.
type Outputs struct {
	Version int    `json:"version"`
	Region  string `json:"region"`
	Posture string `json:"posture"`
	Egress  string `json:"egress"`
	// FleetTier is the tier of subnets that the fleets are in.
	FleetTier string `json:"fleetTier"`
	VPCID     string `json:"vpcId"`
	// Subnet and route table ids by zone.
	PrivateSubnets    map[string]string `json:"privateSubnets"`
	PublicSubnets     map[string]string `json:"publicSubnets"`
	CacheSubnets      map[string]string `json:"cacheSubnets"`
	LinkSubnets       map[string]string `json:"linkSubnets"`
	RunnerRouteTables map[string]string `json:"runnerRouteTables"`
	CacheRouteTables  map[string]string `json:"cacheRouteTables"`
	PublicRouteTable  string            `json:"publicRouteTable"`
	// Addresses are the public addresses from which the region's runners come, by name: what others put on their allow-lists.
	Addresses map[string]string `json:"addresses"`
	// Bucket holds what machines fetch when they start; empty without machines.
	Bucket string `json:"bucket"`
	// Fleets are the names of the runners' scaling groups by fleet.
	Fleets map[string]string `json:"fleets"`
	// Cache and Link are nil without them.
	Cache *CacheOutputs `json:"cache,omitempty"`
	Link  *LinkOutputs  `json:"link,omitempty"`
	// Topic is the ARN by which people hear of alarms, and Dashboard the dashboard's name.
	Topic     string `json:"topic"`
	Dashboard string `json:"dashboard"`
}

// CacheOutputs are the cache's, by shard, whose keys are the two digits in its name.
type CacheOutputs struct {
	VolumeIDs    map[string]string `json:"volumeIds"`
	Addresses    map[string]string `json:"interfaceAddresses"`
	Names        map[string]string `json:"names"`
	Groups       map[string]string `json:"groups"`
	MapParameter string            `json:"mapParameter"`
}

// LinkOutputs are the link's, by connection or tunnel.
type LinkOutputs struct {
	ConnectionIDs map[string]string `json:"connectionIds"`
	TunnelNames   map[string]string `json:"tunnelNames"`
	PeerNames     map[string]string `json:"peerNames"`
	GCPAddresses  map[string]string `json:"gcpAddresses"`
	AWSAddresses  map[string]string `json:"awsAddresses"`
}

// ParseOutputs reads a stack's outputs. It fails on another version: the stack was made by another Beachhead.
func ParseOutputs(plain map[string]any) (*Outputs, error) {
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("the stack's outputs: %w", err)
	}
	o := &Outputs{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("the stack's outputs: %w", err)
	}
	if o.Version != OutputsVersion {
		return nil, fmt.Errorf("the stack's outputs have version %d and this program knows %d: run up with this program once", o.Version,
			OutputsVersion)
	}
	return o, nil
}

// outputs are what Outputs describes, by the names that it has for them.
func (r *region) outputs() pulumi.Map {
	fleets := pulumi.StringMap{}
	for name, f := range r.fleets {
		fleets[name] = f.GroupName
	}
	all := pulumi.Map{
		"version": pulumi.Int(OutputsVersion), "region": pulumi.String(r.plan.Region), "posture": pulumi.String(r.plan.Posture),
		"egress": pulumi.String(r.plan.Network.Egress), "fleetTier": pulumi.String(r.plan.Network.FleetTier),
		"vpcId": r.net.VPCID, "privateSubnets": r.net.PrivateSubnets, "publicSubnets": r.net.PublicSubnets, "cacheSubnets": r.net.CacheSubnets,
		"linkSubnets": r.net.LinkSubnets, "runnerRouteTables": r.net.RunnerRouteTables, "cacheRouteTables": r.net.CacheRouteTables,
		"publicRouteTable": r.net.PublicRouteTable, "addresses": r.net.Addresses, "bucket": pulumi.String(""), "fleets": fleets,
		"topic": r.watch.Topic, "dashboard": r.watch.Dashboard,
	}
	if r.depot != nil {
		all["bucket"] = r.depot.Bucket
	}
	if c := r.cache; c != nil {
		all["cache"] = pulumi.Map{
			"volumeIds": c.VolumeIDs, "interfaceAddresses": c.Addresses, "names": c.Names, "groups": c.GroupNames, "mapParameter": c.MapParameter,
		}
	}
	if l := r.link; l != nil {
		all["link"] = pulumi.Map{
			"connectionIds": l.ConnectionIDs, "tunnelNames": l.TunnelNames, "peerNames": l.PeerNames,
			"gcpAddresses": l.GCPAddresses, "awsAddresses": l.AWSAddresses,
		}
	}
	return all
}
