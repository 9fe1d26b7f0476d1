package report

import (
	"slices"
	"strings"
)

// The name prefixes of the components, and the suffix of a cache server's group, whose name otherwise is its shard's.
const (
	fleetPrefix  = "fleet-"
	cachePrefix  = "cache-"
	linkPrefix   = "link-"
	serverSuffix = "-server"
)

// Machine is how long the stages of a new machine take, in seconds. AttachVolume is for cache servers only, and Register for runners.
type Machine struct {
	LaunchToLogin, Packages, AttachVolume, SelfCheck, Register float64
	// OverLink is true if machines reach their packages and their services only over the link, as in a region without internet access.
	OverLink bool
}

// Times are when a region reaches its goals. A goal is nil if the region cannot reach it, because it has no machines, cache or link.
type Times struct {
	// Builds is when the first machine of every fleet takes container builds.
	Builds *Moment `json:"builds,omitempty"`
	// Yocto is when, besides, every cache server serves, so that Yocto builds find a warm cache.
	Yocto *Moment `json:"yocto,omitempty"`
	// Link is when GCP is reachable over all tunnels, also by the names of its services.
	Link *Moment `json:"link,omitempty"`
}

// Moment is a time to ready, in seconds since the run began, with the chain of steps that decides it.
type Moment struct {
	Seconds float64 `json:"seconds"`
	Steps   []Step  `json:"steps"`
}

// Step is one step before a moment. Its seconds count from the end of the step before it to its own end. The steps of a moment therefore
// add up to it, also in a real run, in which no step starts at once.
type Step struct {
	Name string `json:"name"`
	// Type is the resource's; empty for a stage of a machine.
	Type    string  `json:"type,omitempty"`
	Seconds float64 `json:"seconds"`
}

// TimesToReady returns when a region is ready, from the spans of its resources in a model or in a real run. The fleets are those that
// launch machines: the other fleets of a posture have none to wait for. A resource without a span exists already.
//
// Machines are modelled in either case, since the stack does not wait for them. The first machine of a group is launched when the group's
// call ends. It installs packages when it accepts logins and can download them: after the last of all default routes, of the endpoints and
// of the agent in the region's bucket, and after the link where a region has no other internet access. A cache server then attaches its
// volume, which needs the volume and the interface. Verification shows when a real region has its machines; these times show when it
// should have them.
func (t Types) TimesToReady(spans []Span, m Machine, fleets []string) Times {
	r := readiness{types: t, spans: spans, machine: m, online: Moment{Steps: []Step{}}}
	r.online = r.lastEnd(r.online, func(s Span) bool { return slices.Contains([]string{t.Route, t.Endpoint, t.Object}, s.Type) })
	times := Times{Link: r.linkReady()}
	if m.OverLink && times.Link != nil {
		r.online = *later(&r.online, *times.Link)
	}
	times.Builds = r.buildsReady(fleets)
	if times.Builds != nil {
		times.Yocto = r.yoctoReady(*times.Builds)
	}
	return times
}

type readiness struct {
	types   Types
	spans   []Span
	machine Machine
	online  Moment // when machines can download packages
}

func (r readiness) buildsReady(fleets []string) *Moment {
	var ready *Moment
	for _, group := range r.spans {
		fleet, isFleet := strings.CutPrefix(group.Name, fleetPrefix)
		if group.Type != r.types.ScalingGroup || !isFleet || !slices.Contains(fleets, fleet) {
			continue
		}
		first := r.packagesInstalled(group).
			addStage(group.Name+": self-check", r.machine.SelfCheck).addStage(group.Name+": registration", r.machine.Register)
		ready = later(ready, first)
	}
	return ready
}

func (r readiness) yoctoReady(builds Moment) *Moment {
	var servers *Moment
	for _, group := range r.spans {
		if group.Type != r.types.ScalingGroup || !strings.HasPrefix(group.Name, cachePrefix) {
			continue
		}
		shard := strings.TrimSuffix(group.Name, serverSuffix)
		server := r.lastEnd(r.packagesInstalled(group), func(s Span) bool {
			return s.Name == shard && (s.Type == r.types.Volume || s.Type == r.types.NetworkInterface)
		})
		server = server.addStage(group.Name+": volume", r.machine.AttachVolume).addStage(group.Name+": self-check", r.machine.SelfCheck)
		servers = later(servers, server)
	}
	if servers == nil {
		return nil
	}
	return later(servers, builds)
}

func (r readiness) linkReady() *Moment {
	t := r.types
	if !slices.ContainsFunc(r.spans, func(s Span) bool { return s.Type == t.RouterPeer }) {
		return nil
	}
	up := r.lastEnd(Moment{Steps: []Step{}}, func(s Span) bool {
		switch s.Type {
		case t.RouterPeer, t.VPNRoutePropagation, t.VPNGatewayAttachment, t.Firewall:
			return true
		case t.DNSRecord:
			return strings.HasPrefix(s.Name, linkPrefix) // the cache's records lead to addresses that its shard map has as well
		}
		return false
	})
	return &up
}

// packagesInstalled returns when a group's first machine has its packages.
func (r readiness) packagesInstalled(group Span) Moment {
	login := momentOf(group, r.spans).addStage(group.Name+": launch to login", r.machine.LaunchToLogin)
	return later(&login, r.online).addStage(group.Name+": packages", r.machine.Packages)
}

// lastEnd returns when the last of the selected spans ends, or the earliest moment if that is later.
func (r readiness) lastEnd(earliest Moment, isSelected func(Span) bool) Moment {
	last := earliest
	for _, s := range r.spans {
		if isSelected(s) && s.End > last.Seconds {
			last = momentOf(s, r.spans)
		}
	}
	return last
}

// later returns the later of two moments; the first if they are equal.
func later(a *Moment, b Moment) *Moment {
	if a == nil || b.Seconds > a.Seconds {
		return &b
	}
	return a
}

// momentOf returns when a span ends, with the chain that decides it.
func momentOf(s Span, spans []Span) Moment {
	m := Moment{Steps: []Step{}}
	for _, on := range pathTo(s, spans) {
		m.Steps = append(m.Steps, Step{Name: on.Name, Type: on.Type, Seconds: on.End - m.Seconds})
		m.Seconds = on.End
	}
	return m
}

// addStage returns the moment after one more stage.
func (m Moment) addStage(stage string, seconds float64) Moment {
	return Moment{Seconds: m.Seconds + seconds, Steps: append(slices.Clone(m.Steps), Step{Name: stage, Seconds: seconds})}
}
