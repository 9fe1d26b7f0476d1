package regionfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var runnerRules = []Rule{
	{
		On:    "runners",
		Says:  "A fleet's name has 1 to 24 lower-case letters, digits and hyphens, and starts with a letter.",
		check: (*checker).checkFleetNames,
	},
	{
		On: "runners.NAME.instanceTypes",
		Says: "Lists EC2 instance types of the fleet's arch that the region offers, each once. A type that only some " +
			"of the zones offer is a warning.",
		check: (*checker).checkFleetTypes,
	},
	{
		On:    "runners.NAME.count",
		Says:  "min must be at most max.",
		check: (*checker).checkCounts,
	},
	{
		On: "runners.NAME.count",
		Says: "The max of all fleets together must fit into the runner subnets. They hold a sixteenth of the network " +
			"in each zone, less the 5 addresses that AWS reserves.",
		check: (*checker).checkFleetsFit,
	},
	{
		On:    "runners.NAME.onDemand",
		Says:  "base must be at most count.max.",
		check: (*checker).checkOnDemand,
	},
	{
		On: "runners.NAME.disk",
		Says: "Must be 8GiB to 64TiB. Less than 40GiB is a warning for agent kind jobserv: JobServ assigns no work to " +
			"a machine with less than 30 GB free.",
		check: (*checker).checkDisks,
	},
	{
		On:    "runners.NAME.cache",
		Says:  "true requires a section cache.",
		check: (*checker).checkFleetCache,
	},
	{
		On: "runners.NAME.registryMirror",
		Says: "Must be an https address with a host and no path, user, query or fragment: the container engine does " +
			"not start with one of these.",
		check: (*checker).checkRegistryMirrors,
	},
	{
		On: "runners.NAME.agent",
		Says: "url must be an https address without user, password, query and fragment. Every kind except command " +
			"requires url and token.",
		check: (*checker).checkAgentAccess,
	},
	{
		On: "runners.NAME.agent.tags",
		Says: "Lists each label once. A label has up to 64 characters without spaces and commas. The label armhf " +
			"(32-bit ARM) must not be combined with Graviton4 types (c8g, m8g, r8g and similar), which cannot run it.",
		check: (*checker).checkAgentTags,
	},
	{
		On: "runners.NAME.agent.token",
		Says: "Must be the name of a stack secret: letters and digits in words joined by hyphens, dots or " +
			"underscores. Beachhead refuses a value that looks like the token itself, and never prints it.",
		check: (*checker).checkAgentToken,
	},
	{
		On:    "runners.NAME.agent.commands",
		Says:  "Required for kind command, and not allowed for other kinds.",
		check: (*checker).checkAgentCommands,
	},
}

// forEachRunner calls visit for every fleet, in no particular order. Problems are sorted later.
func (k *checker) forEachRunner(visit func(p keyPath, r Runner)) {
	for name, r := range k.Runners {
		visit(keyPath("runners").child(name), r)
	}
}

var fleetNamePattern = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$`)

func (k *checker) checkFleetNames() {
	for name := range k.Runners {
		if !fleetNamePattern.MatchString(name) {
			k.reportError(keyPath("runners").child(name), "is not a valid fleet name",
				"1 to 24 lower-case letters, digits and hyphens, for example containers-arm64")
		}
	}
}

func (k *checker) checkFleetTypes() {
	k.forEachRunner(func(p keyPath, r Runner) {
		k.checkInstanceTypes(p+".instanceTypes", r.InstanceTypes)
		for i, name := range r.InstanceTypes {
			t, known := ec2types.Lookup(name)
			if known && isAllowed(r.Arch, string(r.Arch)) && t.Arch != string(r.Arch) && k.areIntact(p+".arch") {
				k.reportError((p + ".instanceTypes").item(i), name+" is "+t.Arch+", and the fleet is "+string(r.Arch),
					"an "+string(r.Arch)+" type, or another fleet for it")
			}
		}
	})
}

// checkInstanceTypes checks a list of types against the types of EC2 and the offers of the region.
func (k *checker) checkInstanceTypes(list keyPath, types []string) {
	for i, name := range types {
		p := list.item(i)
		_, known := ec2types.Lookup(name)
		switch {
		case slices.Contains(types[:i], name):
			k.reportError(p, quoteValue(name)+" is listed twice", "each type once")
		case !known:
			want := suggestName(name, ec2types.TypeNames())
			if want == "" {
				want = "an EC2 instance type such as m7g.2xlarge"
			}
			k.reportError(p, quoteValue(name)+" is not a known EC2 instance type", want)
		default:
			k.checkOffered(p, name)
		}
	}
}

// checkOffered checks one type against the offers of the region and its zones. A type that only other zones offer is a
// warning: zone letters differ between accounts, so the tables cannot decide.
func (k *checker) checkOffered(p keyPath, name string) {
	known := ec2types.ZoneNames(k.AWS.Region)
	if len(known) == 0 || !k.areIntact("aws.region") {
		return
	}
	if !ec2types.IsOfferedInRegion(k.AWS.Region, name) {
		k.reportError(p, k.AWS.Region+" does not offer "+name,
			"a type that it offers: aws ec2 describe-instance-type-offerings --region "+k.AWS.Region+" lists them")
		return
	}
	var without []string
	for _, zone := range k.AWS.Zones {
		if slices.Contains(known, zone) && !ec2types.IsOffered(zone, name) {
			without = append(without, zone)
		}
	}
	if len(without) > 0 {
		k.reportWarning(p, name+" is not offered in "+joinAnd(without),
			"more types in the list (letters differ between accounts; preflight queries AWS)")
	}
}

var agentTagPattern = regexp.MustCompile(`^[^\s,]{1,64}$`)

func (k *checker) checkAgentTags() {
	k.forEachRunner(func(p keyPath, r Runner) {
		list := p + ".agent.tags"
		for i, tag := range r.Agent.Tags {
			switch {
			case slices.Contains(r.Agent.Tags[:i], tag):
				k.reportError(list.item(i), quoteValue(tag)+" is listed twice", "each label once")
			case !agentTagPattern.MatchString(tag):
				k.reportError(list.item(i), quoteValue(tag)+" is not a valid label", "up to 64 characters without spaces and commas")
			case strings.Contains(strings.ToLower(tag), "armhf"):
				k.checkArmhf(list.item(i), p+".instanceTypes", r.InstanceTypes)
			}
		}
	})
}

func (k *checker) checkArmhf(p, list keyPath, types []string) {
	no32 := slices.DeleteFunc(slices.Clone(types), func(t string) bool { return ec2types.GravitonGeneration(t) < 4 })
	if len(no32) > 0 && k.areIntact(list) {
		k.reportError(p, "takes 32-bit ARM jobs, which "+joinAnd(no32)+" cannot run (Graviton4)",
			"Graviton3 types such as m7g.2xlarge, or the label on another fleet")
	}
}

func (k *checker) checkCounts() {
	k.forEachRunner(func(p keyPath, r Runner) {
		if r.Count.Min > r.Count.Max && r.Count.Max > 0 && k.areIntact(p+".count") {
			k.reportError(p+".count.min", fmt.Sprintf("%d is more than max (%d)", r.Count.Min, r.Count.Max), fmt.Sprintf("at most %d", r.Count.Max))
		}
	})
}

func (k *checker) checkOnDemand() {
	k.forEachRunner(func(p keyPath, r Runner) {
		if base := r.OnDemand.Base; base != nil && *base > r.Count.Max && r.Count.Max > 0 && k.areIntact(p+".count.max") {
			k.reportError(p+".onDemand.base", fmt.Sprintf("%d is more than count.max (%d)", *base, r.Count.Max), fmt.Sprintf("0 to %d", r.Count.Max))
		}
	})
}

// reservedAddresses is the number of addresses that AWS reserves in every subnet. Source: Amazon VPC user guide, "Subnet CIDR
// blocks".
const reservedAddresses = 5

func (k *checker) checkFleetsFit() {
	cidr := k.Network.CIDR
	if len(k.AWS.Zones) == 0 || !k.areIntact("network.cidr", "aws.zones", "runners") || !cidr.Addr().Is4() || cidr.Bits() > 20 {
		return
	}
	room := len(k.AWS.Zones) * (1<<(32-cidr.Bits()-4) - reservedAddresses)
	// Report the first fleet, in the order of the file, that exceeds the room. Subtract one by one, because a sum could
	// overflow.
	left := room
	for _, name := range k.fleetsInFileOrder() {
		most := k.Runners[name].Count.Max
		if most > left {
			k.reportError(keyPath("runners").child(name)+".count.max",
				fmt.Sprintf("%d machines do not fit: the runner subnets of %s in %d zones have %d addresses, and %d are free",
					most, cidr, len(k.AWS.Zones), room, left),
				"a smaller max, a larger network.cidr or more zones")
			return
		}
		left -= most
	}
}

// fleetsInFileOrder returns the names of the fleets in the order of the file. Fleets without a file come by name.
func (k *checker) fleetsInFileOrder() []string {
	names := sortedKeys(k.Runners)
	slices.SortStableFunc(names, func(a, b string) int {
		return k.source.lineOf(keyPath("runners").child(a)) - k.source.lineOf(keyPath("runners").child(b))
	})
	return names
}

const (
	minDisk = 8 * GiB
	// maxVolume is the maximum size of a gp3 volume. Source: aws-sdk-go-v2, documentation of CreateVolume.
	maxVolume = 64 * TiB
	// minJobServDisk leaves 30 GB free in /var/lib for JobServ (foundriesio/jobserv, settings.py), beside system and tools.
	minJobServDisk = 40 * GiB
)

func (k *checker) checkDisks() {
	k.forEachRunner(func(p keyPath, r Runner) {
		switch {
		case r.Disk < minDisk || r.Disk > maxVolume:
			k.reportError(p+".disk", r.Disk.String()+" is out of range for a root disk", "8GiB to 64TiB, for example 100GiB")
		case r.Disk < minJobServDisk && r.Agent.Kind == JobServ:
			k.reportWarning(p+".disk", r.Disk.String()+" is small: JobServ assigns no work to a machine with less than 30 GB free", "40GiB or more")
		}
	})
}

func (k *checker) checkFleetCache() {
	k.forEachRunner(func(p keyPath, r Runner) {
		if r.Cache != nil && *r.Cache && k.Cache == nil && k.areIntact("cache") {
			k.reportError(p+".cache", "is true, and the region has no cache", "a section cache, or cache: false")
		}
	})
}
