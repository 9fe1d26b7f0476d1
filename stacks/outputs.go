package stacks

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// OutputsVersion is the version of the stack's outputs. It changes when an output is removed or changes its type.
const OutputsVersion = 2

// Outputs are the outputs of a region's stack, for other programs and people. They contain no secrets.
type Outputs struct {
	Version int    `json:"version"`
	Region  string `json:"region"`
	Posture string `json:"posture"`
	Egress  string `json:"egress"`
	// FleetTier is the tier of the fleets' subnets.
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
	// Addresses are the public addresses of the region's traffic, by name, for allow-lists elsewhere.
	Addresses map[string]string `json:"addresses"`
	// Bucket is the bucket from which machines fetch their agent. It is empty without machines.
	Bucket string `json:"bucket"`
	// Fleets are the names of the runners' scaling groups by fleet.
	Fleets map[string]string `json:"fleets"`
	// Cache and Link are nil in a region without them.
	Cache *CacheOutputs `json:"cache,omitempty"`
	Link  *LinkOutputs  `json:"link,omitempty"`
	// Topic is the ARN of the topic that notifies people of alarms. Dashboard is the dashboard's name.
	Topic     string `json:"topic"`
	Dashboard string `json:"dashboard"`
}

// CacheOutputs are the outputs of the cache. The keys are shards, by the two digits in their names.
type CacheOutputs struct {
	VolumeIDs    map[string]string `json:"volumeIds"`
	Addresses    map[string]string `json:"interfaceAddresses"`
	Names        map[string]string `json:"names"`
	Groups       map[string]string `json:"groups"`
	MapParameter string            `json:"mapParameter"`
}

// LinkOutputs are the outputs of the link. The keys are numbers of connections or tunnels.
type LinkOutputs struct {
	ConnectionIDs map[string]string `json:"connectionIds"`
	TunnelNames   map[string]string `json:"tunnelNames"`
	PeerNames     map[string]string `json:"peerNames"`
	GCPAddresses  map[string]string `json:"gcpAddresses"`
	AWSAddresses  map[string]string `json:"awsAddresses"`
}

// ParseOutputs reads a stack's outputs. It returns an error for another version, which an older or newer Beachhead has written.
func ParseOutputs(plain map[string]any) (*Outputs, error) {
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("reading the stack's outputs: %w", err)
	}
	o := &Outputs{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("reading the stack's outputs: %w", err)
	}
	if o.Version != OutputsVersion {
		return nil, fmt.Errorf("the stack's outputs have version %d; this version of Beachhead reads version %d. Run `beachhead up` with it once",
			o.Version, OutputsVersion)
	}
	return o, nil
}

// listOutputs returns the stack's outputs, with the names that Outputs has for them.
func (r *region) listOutputs() pulumi.Map {
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
	if r.artifacts != nil {
		all["bucket"] = r.artifacts.Bucket
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
