package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Fleet is the plan of one runner fleet.
//
// Min, Max, Desired and OnDemandBase are in capacity units, of which a machine has as many as its type has vCPUs: a group with
// weights takes its sizes in the unit of the weights. One machine of the region file is as many units as the fleet's smallest type has.
// So a fleet never has more machines than count.max, even when the last one overshoots the maximum, and the room in its subnets and the
// quotas reckoned from count.max hold; a larger machine counts for several. Refused: the largest type as the unit, under which small
// machines would be more than count.max; and weights of 1, under which a fleet's capacity depends on what the spot market has.
type Fleet struct {
	Name string `json:"name"`
	// Path begins the names of the fleet's parameters: /beachhead/us-west-1/fleets/containers-arm64.
	Path string          `json:"path"`
	Arch regionfile.Arch `json:"arch"`
	// Types are the instance types, best first, with their weights.
	Types []FleetType `json:"types"`
	Min   int         `json:"min"`
	Max   int         `json:"max"`
	// Desired is the size to set, or nil to leave it to the scaling policy: a group without one starts at Min, and is raised to Min.
	Desired *int `json:"desired,omitempty"`
	// OnDemandBase is so much on demand before any spot, OnDemandPercent the percentage on demand above it.
	OnDemandBase    int `json:"onDemandBase"`
	OnDemandPercent int `json:"onDemandPercent"`
	// Launching says whether the group may start machines, for load or in place of one that went.
	Launching bool `json:"launching"`
	// Drain tells the machines' agents to take no new job and to let their machine go when the running ones have ended.
	Drain   bool `json:"drain,omitempty"`
	DiskGiB int  `json:"diskGiB"`
	// ImageParameter is the public parameter that holds the id of the newest image.
	ImageParameter string `json:"imageParameter"`
	// Tier is that of the subnets, in all zones, and PublicAddress says whether machines get public addresses in it.
	Tier          Tier `json:"tier"`
	PublicAddress bool `json:"publicAddress"`
	// HookSeconds is for how long a machine may be silent while it starts or drains, LifetimeDays how long it lives.
	HookSeconds  int `json:"hookSeconds"`
	LifetimeDays int `json:"lifetimeDays"`
	// Cache says whether the machines use the region's cache.
	Cache bool `json:"cache"`
	// RegistryMirror is the address of the mirror that the container engine asks first; empty: there is none.
	RegistryMirror string  `json:"registryMirror,omitempty"`
	Agent          CIAgent `json:"agent"`
}

// FleetType is an instance type with its weight, the vCPUs it has.
type FleetType struct {
	Name   string `json:"name"`
	Weight int    `json:"weight"`
}

// CIAgent is what a fleet's machines need to run their CI agent, but for the token itself.
type CIAgent struct {
	Kind        regionfile.AgentKind `json:"kind"`
	URL         string               `json:"url,omitempty"`
	Tags        []string             `json:"tags,omitempty"`
	Concurrency int                  `json:"concurrency"`
	// Secret names the stack secret with the registration token and TokenParameter the parameter it goes to; both empty without one.
	Secret         string    `json:"secret,omitempty"`
	TokenParameter string    `json:"tokenParameter,omitempty"`
	Commands       *Commands `json:"commands,omitempty"`
}

// Commands are the user's own, for an agent of kind command.
type Commands struct {
	Install    string `json:"install"`
	Register   string `json:"register"`
	Drain      string `json:"drain"`
	Unregister string `json:"unregister"`
}

// imageParameters are Debian's own public parameters, by architecture. EC2 looks them up when a machine starts, so a newer image
// never replaces a machine by itself.
var imageParameters = map[regionfile.Arch]string{
	regionfile.ARM64: "/aws/service/debian/release/12/latest/arm64",
	regionfile.AMD64: "/aws/service/debian/release/12/latest/amd64",
}

const (
	// hookSeconds is several times what a machine takes to be ready; one that is not is given up and replaced. At the other end it bounds
	// how long a dead agent holds its machine. A live one renews it, up to 100 times (EC2 Auto Scaling's bound): 16 hours, more than the
	// 12 after which JobServ calls a job stuck, and than the 9 of a cold Yocto build.
	hookSeconds = 600
	// lifetimeDays brings machines to the newest image and clears their disks. At least one (EC2 Auto Scaling's bound).
	lifetimeDays = 7
)

// maxWeight is the greatest weight that EC2 Auto Scaling takes. Source: its API reference, LaunchTemplateOverrides.
const maxWeight = 999

func buildFleets(c *regionfile.Config, n Network) ([]Fleet, error) {
	fleets := []Fleet{}
	for _, name := range slices.Sorted(maps.Keys(c.Runners)) {
		f, err := buildFleet(c, n, name, c.Runners[name])
		if err != nil {
			return nil, fmt.Errorf("fleet %s: %w", name, err)
		}
		fleets = append(fleets, f)
	}
	return fleets, nil
}

func buildFleet(c *regionfile.Config, n Network, name string, r regionfile.Runner) (Fleet, error) {
	types, err := lookUpWeights(r.InstanceTypes)
	if err != nil {
		return Fleet{}, err
	}
	image, known := imageParameters[r.Arch]
	if !known || r.Image != regionfile.Debian12 {
		return Fleet{}, fmt.Errorf("no image %s for %s; want %s for arm64 or x86_64", r.Image, r.Arch, regionfile.Debian12)
	}
	f := Fleet{
		Name: name, Arch: r.Arch, Types: types, DiskGiB: r.Disk.GiB(), ImageParameter: image,
		Tier: n.FleetTier, PublicAddress: n.FleetTier == PublicTier,
		OnDemandPercent: *r.OnDemand.Percent,
		HookSeconds:     hookSeconds, LifetimeDays: lifetimeDays, Launching: true,
		Cache: *r.Cache && c.Cache != nil, Path: "/beachhead/" + c.Name + "/fleets/" + name, RegistryMirror: r.RegistryMirror,
	}
	f.Agent = planCIAgent(f.Path, r.Agent)
	unit := smallestWeight(types)
	f.Min, f.Max, f.OnDemandBase = r.Count.Min*unit, r.Count.Max*unit, *r.OnDemand.Base*unit
	f.applyPosture(c.Posture)
	return f, nil
}

// lookUpWeights looks up the vCPUs of the types.
func lookUpWeights(names []string) ([]FleetType, error) {
	types := make([]FleetType, 0, len(names))
	for _, name := range names {
		t, known := ec2types.Lookup(name)
		if !known || t.VCPU < 1 || t.VCPU > maxWeight {
			return nil, fmt.Errorf("%q is not a known EC2 instance type, or has more than %d vCPUs", name, maxWeight)
		}
		types = append(types, FleetType{Name: name, Weight: t.VCPU})
	}
	if len(types) == 0 {
		return nil, fmt.Errorf("no instance types; want at least one")
	}
	return types, nil
}

func smallestWeight(types []FleetType) int {
	least := types[0].Weight
	for _, t := range types {
		least = min(least, t.Weight)
	}
	return least
}

// applyPosture sets what the region's posture means for a fleet. Max stays in each, so that a change of posture back touches sizes
// alone and quotas are those of the active region.
func (f *Fleet) applyPosture(p regionfile.Posture) {
	if p == regionfile.Active {
		return
	}
	// Nothing is launched, neither for load, which machines at their last jobs report too, nor in place of a machine that went.
	f.Min, f.Drain, f.Launching = 0, true, false
	if p == regionfile.Standby {
		// A machine with a running job is protected from the size of zero until its agent, which drains, has finished it. In draining
		// the size stays where it is and each machine takes itself out of it.
		f.Desired = new(0)
	}
}

func planCIAgent(path string, a regionfile.Agent) CIAgent {
	out := CIAgent{Kind: a.Kind, URL: a.URL, Tags: a.Tags, Concurrency: a.Concurrency, Secret: a.Token}
	if a.Token != "" {
		out.TokenParameter = path + "/token"
	}
	if a.Commands != nil {
		out.Commands = &Commands{
			Install: a.Commands.Install, Register: a.Commands.Register, Drain: a.Commands.Drain, Unregister: a.Commands.Unregister,
		}
	}
	return out
}

// countVCPUs gives what a fleet at its most takes of the two quotas.
func (f Fleet) countVCPUs() (onDemand, spot int) {
	above := f.Max - f.OnDemandBase
	onDemand = f.OnDemandBase + (above*f.OnDemandPercent+99)/100
	return onDemand, f.Max - onDemand
}

// listRunnerRanges are the runner subnets of both tiers, zone by zone: exactly where runners can be. Both, whatever the egress mode, since
// a change of it leaves machines in the other tier until their jobs have ended, and they must not lose cache and link meanwhile.
func (n Network) listRunnerRanges() []netip.Prefix {
	ranges := []netip.Prefix{}
	for _, z := range n.Zones {
		ranges = append(ranges, z.Subnets[PrivateTier], z.Subnets[PublicTier])
	}
	return ranges
}
