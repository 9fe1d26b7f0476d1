package regionfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var runnerRules = []Rule{
	{"runners", "A fleet's name has 1 to 24 lower-case letters, digits and hyphens, and starts with a letter.", (*checker).fleetNames},
	{"runners.NAME.instanceTypes", "Types that EC2 has, each once, of the fleet's arch, and offered in the region. One that only some of the zones offer is a warning.", (*checker).fleetTypes},
	{"runners.NAME.count", "min is at most max.", (*checker).counts},
	{"runners.NAME.count", "All fleets at their most fit into the runner subnets: a sixteenth of the network in each zone, less the 5 addresses that AWS keeps.", (*checker).fleetsFit},
	{"runners.NAME.onDemand", "base is at most count.max.", (*checker).onDemand},
	{"runners.NAME.disk", "8GiB to 64TiB. Under 40GiB is a warning with agent kind jobserv, which refuses work below 30 GB free.", (*checker).disks},
	{"runners.NAME.cache", "true takes a section cache.", (*checker).fleetCache},
	{"runners.NAME.registryMirror", "https, a host and nothing behind it: the container engine takes no path, user, query or fragment, and does not start with one.", (*checker).registryMirrors},
	{"runners.NAME.agent", "url is https, without user, password, query and fragment; url and token are there for every kind but command.", (*checker).agentAccess},
	{"runners.NAME.agent.tags", "Each label once, up to 64 characters without spaces and commas. armhf, 32-bit ARM, never with Graviton4 types (c8g, m8g, r8g and the like): they cannot run it.", (*checker).agentTags},
	{"runners.NAME.agent.token", "The name of a secret: letters and digits in words joined by hyphens, dots or underscores. What looks like a token itself is refused, and never printed.", (*checker).agentToken},
	{"runners.NAME.agent.commands", "There for kind command, and for no other.", (*checker).agentCommands},
}

// eachRunner calls visit for every fleet. The order is that of the map: problems are sorted in the end.
func (k *checker) eachRunner(visit func(p place, r Runner)) {
	for name, r := range k.Runners {
		visit(place("runners").key(name), r)
	}
}

var fleetName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$`)

func (k *checker) fleetNames() {
	for name := range k.Runners {
		if !fleetName.MatchString(name) {
			k.bad(place("runners").key(name), "the name does not fit into those of machines and groups",
				"1 to 24 lower-case letters, digits and hyphens, for example containers-arm64")
		}
	}
}

func (k *checker) fleetTypes() {
	k.eachRunner(func(p place, r Runner) {
		k.instanceTypes(p+".instanceTypes", r.InstanceTypes)
		for i, name := range r.InstanceTypes {
			t, known := ec2types.Lookup(name)
			if known && allowed(r.Arch, string(r.Arch)) && t.Arch != string(r.Arch) && k.sound(p+".arch") {
				k.bad((p + ".instanceTypes").at(i), name+" is "+t.Arch+" and the fleet "+string(r.Arch), "a type of that architecture, or a fleet of its own")
			}
		}
	})
}

// instanceTypes checks a list of types against what EC2 has and the region offers.
func (k *checker) instanceTypes(list place, types []string) {
	for i, name := range types {
		p := list.at(i)
		_, known := ec2types.Lookup(name)
		switch {
		case slices.Contains(types[:i], name):
			k.bad(p, quote(name)+" is there twice", "each type once")
		case !known:
			want := nearest(name, ec2types.Names())
			if want == "" {
				want = "an EC2 instance type such as m7g.2xlarge"
			}
			k.bad(p, quote(name)+" is no instance type that we know", want)
		default:
			k.offered(p, name)
		}
	}
}

// offered checks one type against the region and its zones. A type that the region offers only in other zones than the
// file names is a warning too: letters differ between accounts, so that the tables cannot refuse it.
func (k *checker) offered(p place, name string) {
	known := ec2types.Zones(k.AWS.Region)
	if len(known) == 0 || !k.sound("aws.region") {
		return
	}
	if !ec2types.OfferedInRegion(k.AWS.Region, name) {
		k.bad(p, k.AWS.Region+" does not offer "+name, "a type that it offers; aws ec2 describe-instance-type-offerings lists them")
		return
	}
	var without []string
	for _, zone := range k.AWS.Zones {
		if slices.Contains(known, zone) && !ec2types.Offered(zone, name) {
			without = append(without, zone)
		}
	}
	if len(without) > 0 {
		k.warn(p, name+" is not offered in "+both(without), "further types beside it; letters differ between accounts, and preflight asks AWS")
	}
}

var labelForm = regexp.MustCompile(`^[^\s,]{1,64}$`)

func (k *checker) agentTags() {
	k.eachRunner(func(p place, r Runner) {
		list := p + ".agent.tags"
		for i, tag := range r.Agent.Tags {
			switch {
			case slices.Contains(r.Agent.Tags[:i], tag):
				k.bad(list.at(i), quote(tag)+" is there twice", "each label once")
			case !labelForm.MatchString(tag):
				k.bad(list.at(i), quote(tag)+" is no label", "up to 64 characters without spaces and commas")
			case strings.Contains(strings.ToLower(tag), "armhf"):
				k.armhf(list.at(i), p+".instanceTypes", r.InstanceTypes)
			}
		}
	})
}

func (k *checker) armhf(p, list place, types []string) {
	no32 := slices.DeleteFunc(slices.Clone(types), func(t string) bool { return ec2types.Graviton(t) < 4 })
	if len(no32) > 0 && k.sound(list) {
		k.bad(p, "takes 32-bit ARM jobs, which "+both(no32)+" cannot run (Graviton4)", "Graviton3 types such as m7g.2xlarge, or the label on another fleet")
	}
}

func (k *checker) counts() {
	k.eachRunner(func(p place, r Runner) {
		if r.Count.Min > r.Count.Max && r.Count.Max > 0 && k.sound(p+".count") {
			k.bad(p+".count.min", fmt.Sprintf("%d is more than max, %d", r.Count.Min, r.Count.Max), fmt.Sprintf("at most %d", r.Count.Max))
		}
	})
}

func (k *checker) onDemand() {
	k.eachRunner(func(p place, r Runner) {
		if base := r.OnDemand.Base; base != nil && *base > r.Count.Max && r.Count.Max > 0 && k.sound(p+".count.max") {
			k.bad(p+".onDemand.base", fmt.Sprintf("%d is more than count.max, %d", *base, r.Count.Max), fmt.Sprintf("0 to %d", r.Count.Max))
		}
	})
}

// reserved is the addresses that AWS keeps in every subnet. Source: Amazon VPC user guide, "Subnet CIDR blocks".
const reserved = 5

func (k *checker) fleetsFit() {
	cidr := k.Network.CIDR
	if len(k.AWS.Zones) == 0 || !k.sound("network.cidr", "aws.zones", "runners") || !cidr.Addr().Is4() || cidr.Bits() > 20 {
		return
	}
	room := len(k.AWS.Zones) * (1<<(32-cidr.Bits()-4) - reserved)
	// The first fleet that goes over is named, in the order of the file. One by one, since a sum could overflow.
	left := room
	for _, name := range k.inOrder() {
		most := k.Runners[name].Count.Max
		if most > left {
			k.bad(place("runners").key(name)+".count.max",
				fmt.Sprintf("%d machines do not fit: the runner subnets of %s in %d zones hold %d in all, %d are left", most, cidr, len(k.AWS.Zones), room, left),
				"a smaller max, a larger network.cidr or more zones")
			return
		}
		left -= most
	}
}

// inOrder lists the fleets as the file has them; fleets that no file has come by name.
func (k *checker) inOrder() []string {
	names := sortedKeys(k.Runners)
	slices.SortStableFunc(names, func(a, b string) int {
		return k.source.line(place("runners").key(a)) - k.source.line(place("runners").key(b))
	})
	return names
}

const (
	smallestDisk = 8 * GiB
	// largestVolume is gp3's bound. Source: aws-sdk-go-v2, documentation of CreateVolume.
	largestVolume = 64 * TiB
	// jobservDisk leaves JobServ its 30 GB free in /var/lib (foundriesio/jobserv, settings.py) beside system and tools.
	jobservDisk = 40 * GiB
)

func (k *checker) disks() {
	k.eachRunner(func(p place, r Runner) {
		switch {
		case r.Disk < smallestDisk || r.Disk > largestVolume:
			k.bad(p+".disk", r.Disk.String()+" is no size for a root disk", "8GiB to 64TiB, for example 100GiB")
		case r.Disk < jobservDisk && r.Agent.Kind == JobServ:
			k.warn(p+".disk", r.Disk.String()+" leaves little: JobServ gives no work below 30 GB free", "40GiB or more")
		}
	})
}

func (k *checker) fleetCache() {
	k.eachRunner(func(p place, r Runner) {
		if r.Cache != nil && *r.Cache && k.Cache == nil && k.sound("cache") {
			k.bad(p+".cache", "true, and the region has no cache", "a section cache, or cache: false")
		}
	})
}
