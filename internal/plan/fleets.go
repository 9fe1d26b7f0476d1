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
// The unit of Min, Max, Desired and OnDemandBase is one vCPU, because a group with weights counts its size in units of the
// weights. A machine of the region file counts as many units as the fleet's smallest type has vCPUs, and a larger machine
// counts as several. A fleet therefore never has more machines than count.max, even when the last machine exceeds the maximum
// size. The room in the subnets and the quotas, both computed from count.max, are always sufficient.
//
// Refused: the largest type as the unit, because small machines could then exceed count.max. Refused: weights of 1, because a
// fleet's capacity would then depend on the spot market.
type Fleet struct {
	Name string `json:"name"`
	// Path is the prefix of the fleet's parameter names: /beachhead/us-west-1/fleets/containers-arm64.
	Path string          `json:"path"`
	Arch regionfile.Arch `json:"arch"`
	// Types are the instance types with their weights, best first.
	Types []FleetType `json:"types"`
	Min   int         `json:"min"`
	Max   int         `json:"max"`
	// Desired is the size to set. nil leaves the size to the scaling policy: a new group starts at Min, and AWS raises a
	// smaller group to Min.
	Desired *int `json:"desired,omitempty"`
	// OnDemandBase is the number of units on demand before any spot units. OnDemandPercent is the on-demand percentage above
	// the base.
	OnDemandBase    int `json:"onDemandBase"`
	OnDemandPercent int `json:"onDemandPercent"`
	// Launching reports whether the group may launch machines, for load or to replace a machine.
	Launching bool `json:"launching"`
	// Drain makes the machines' agents accept no new job and release their machine when the running jobs have finished.
	Drain   bool `json:"drain,omitempty"`
	DiskGiB int  `json:"diskGiB"`
	// ImageParameter is the public parameter that contains the id of the newest image.
	ImageParameter string `json:"imageParameter"`
	// Tier is the tier of the fleet's subnets in all zones. PublicAddress reports whether machines get public addresses.
	Tier          Tier `json:"tier"`
	PublicAddress bool `json:"publicAddress"`
	// HookSeconds is the maximum time without a heartbeat while a machine starts or drains. LifetimeDays is the maximum age
	// of a machine.
	HookSeconds  int `json:"hookSeconds"`
	LifetimeDays int `json:"lifetimeDays"`
	// Cache reports whether the machines use the region's cache.
	Cache bool `json:"cache"`
	// RegistryMirror is the address of the mirror that the container engine tries first. Empty means no mirror.
	RegistryMirror string  `json:"registryMirror,omitempty"`
	Agent          CIAgent `json:"agent"`
}

// FleetType is an instance type with its weight, the number of its vCPUs.
type FleetType struct {
	Name   string `json:"name"`
	Weight int    `json:"weight"`
}

// CIAgent is the configuration of a fleet's CI agent, without the token.
type CIAgent struct {
	Kind        regionfile.AgentKind `json:"kind"`
	URL         string               `json:"url,omitempty"`
	Tags        []string             `json:"tags,omitempty"`
	Concurrency int                  `json:"concurrency"`
	// Secret is the name of the stack secret that contains the registration token. TokenParameter is the parameter that
	// stores it. Both are empty for an agent without a token.
	Secret         string    `json:"secret,omitempty"`
	TokenParameter string    `json:"tokenParameter,omitempty"`
	Commands       *Commands `json:"commands,omitempty"`
}

// Commands are the user's commands for an agent of kind command.
type Commands struct {
	Install    string `json:"install"`
	Register   string `json:"register"`
	Drain      string `json:"drain"`
	Unregister string `json:"unregister"`
}

// imageParameters are Debian's public parameters, by architecture. EC2 reads them when it launches a machine, so a newer
// image alone never replaces a machine.
var imageParameters = map[regionfile.Arch]string{
	regionfile.ARM64: "/aws/service/debian/release/12/latest/arm64",
	regionfile.AMD64: "/aws/service/debian/release/12/latest/amd64",
}

const (
	// hookSeconds is several times the start time of a machine. The group abandons and replaces a machine that takes longer.
	// It also limits how long a dead agent keeps its machine. A live agent extends it up to 100 times (EC2 Auto Scaling's
	// limit), to 16 hours. That is more than the 12 hours after which JobServ considers a job stuck, and the 9 hours of a
	// cold Yocto build.
	hookSeconds = 600
	// lifetimeDays renews machines, for the newest image and clean disks. The minimum is one day (EC2 Auto Scaling's limit).
	lifetimeDays = 7
)

// maxWeight is EC2 Auto Scaling's maximum weight. Source: its API reference, LaunchTemplateOverrides.
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

// lookUpWeights returns the types with their numbers of vCPUs.
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

// applyPosture changes a fleet's sizes and flags for the region's posture. Max never changes, so a later change of posture
// changes only sizes, and the quotas are always those of the active region.
func (f *Fleet) applyPosture(p regionfile.Posture) {
	if p == regionfile.Active {
		return
	}
	// Launch no machine: not for load, which machines with their last jobs still report, and not to replace a machine.
	f.Min, f.Drain, f.Launching = 0, true, false
	if p == regionfile.Standby {
		// Size zero does not terminate a machine with a running job: the machine is protected until its draining agent has
		// finished the job. In posture draining the size stays the same, and each machine removes itself.
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

// countVCPUs returns the vCPUs that a fleet at its maximum size uses of the two quotas.
func (f Fleet) countVCPUs() (onDemand, spot int) {
	above := f.Max - f.OnDemandBase
	onDemand = f.OnDemandBase + (above*f.OnDemandPercent+99)/100
	return onDemand, f.Max - onDemand
}

// listRunnerRanges returns the runner subnets of both tiers, zone by zone. It includes both tiers in every egress mode: after
// a change of mode, machines stay in the other tier until their jobs have finished, and must not lose cache and link before.
func (n Network) listRunnerRanges() []netip.Prefix {
	ranges := []netip.Prefix{}
	for _, z := range n.Zones {
		ranges = append(ranges, z.Subnets[PrivateTier], z.Subnets[PublicTier])
	}
	return ranges
}
