package report

import (
	"slices"
	"strings"
)

// The types that a time to ready depends on. Everything else is on the clock as well, and nobody waits for it.
const (
	groupType       = "aws:autoscaling/group:Group"
	routeType       = "aws:ec2/route:Route"
	endpointType    = "aws:ec2/vpcEndpoint:VpcEndpoint"
	objectType      = "aws:s3/bucketObjectv2:BucketObjectv2"
	volumeType      = "aws:ebs/volume:Volume"
	interfaceType   = "aws:ec2/networkInterface:NetworkInterface"
	recordType      = "aws:route53/record:Record"
	attachmentType  = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
	propagationType = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
	peerType        = "gcp:compute/routerPeer:RouterPeer"
	firewallType    = "gcp:compute/firewall:Firewall"
)

// What the components are called, and a cache server's group beside its shard.
const (
	fleetPrefix = "fleet-"
	cachePrefix = "cache-"
	linkPrefix  = "link-"
	serverEnd   = "-server"
)

// Machine is how long the stages of a new machine take, in seconds. AttachVolume is for cache servers only, and Register for runners.
type Machine struct {
	LaunchToLogin, Packages, AttachVolume, SelfCheck, Register float64
	// OverLink says that what machines install and work for is behind the link, as in a region without a way to the internet.
	OverLink bool
}

// Times are when a region can do what it is for. Nil: it cannot, since it has no machines or no cache or no link.
type Times struct {
	// Builds is when every fleet's first machine takes container builds.
	Builds *Moment `json:"builds,omitempty"`
	// Yocto is when, besides, every cache server serves, so that Yocto builds find a warm cache.
	Yocto *Moment `json:"yocto,omitempty"`
	// Link is when GCP can be reached over all tunnels, by the names of its services too.
	Link *Moment `json:"link,omitempty"`
}

// Moment is a time to ready, in seconds since the run began, and the chain of steps that decides it.
type Moment struct {
	Seconds float64 `json:"seconds"`
	Steps   []Step  `json:"steps"`
}

// Step is one step on the way to a moment. Its seconds count from the end of the step before it until its own, so that the steps of a
// moment add up to it in a real run too, in which nothing starts at once.
type Step struct {
	Name string `json:"name"`
	// Type is the resource's; empty: a stage of a machine.
	Type    string  `json:"type,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Ready works out when a region is ready from the spans of its resources, be they a model's or a real run's, for the fleets of the given
// names, which are to be those that start machines: in another posture there are none to wait for. What is not among the spans is taken
// to be there already.
//
// Machines are modelled in either case, since the stack does not wait for them: the first of a group is launched when the group's call
// ends, and installs packages once somebody can log in and there is a way out to fetch them: the last of all default routes, of the
// endpoints and of the agent in the region's bucket; and the link, where nothing else leads out. A cache server then attaches its volume,
// which needs volume and interface to be there. When a real region has machines, verification says; this says when they should have come.
func Ready(spans []Span, m Machine, fleets []string) Times {
	r := readiness{spans: spans, machine: m, way: Moment{Steps: []Step{}}}
	r.way = r.last(r.way, func(s Span) bool { return slices.Contains([]string{routeType, endpointType, objectType}, s.Type) })
	t := Times{Link: r.link()}
	if m.OverLink && t.Link != nil {
		r.way = *later(&r.way, *t.Link)
	}
	t.Builds = r.builds(fleets)
	if t.Builds != nil {
		t.Yocto = r.yocto(*t.Builds)
	}
	return t
}

type readiness struct {
	spans   []Span
	machine Machine
	way     Moment // when there is a way out
}

func (r readiness) builds(fleets []string) *Moment {
	var ready *Moment
	for _, group := range r.spans {
		fleet, ours := strings.CutPrefix(group.Name, fleetPrefix)
		if group.Type != groupType || !ours || !slices.Contains(fleets, fleet) {
			continue
		}
		first := r.installed(group).
			then(group.Name+": self-check", r.machine.SelfCheck).then(group.Name+": registration", r.machine.Register)
		ready = later(ready, first)
	}
	return ready
}

func (r readiness) yocto(builds Moment) *Moment {
	var servers *Moment
	for _, group := range r.spans {
		if group.Type != groupType || !strings.HasPrefix(group.Name, cachePrefix) {
			continue
		}
		shard := strings.TrimSuffix(group.Name, serverEnd)
		server := r.last(r.installed(group), func(s Span) bool {
			return s.Name == shard && (s.Type == volumeType || s.Type == interfaceType)
		})
		servers = later(servers, server.then(group.Name+": volume", r.machine.AttachVolume).then(group.Name+": self-check", r.machine.SelfCheck))
	}
	if servers == nil {
		return nil
	}
	return later(servers, builds)
}

func (r readiness) link() *Moment {
	if !slices.ContainsFunc(r.spans, func(s Span) bool { return s.Type == peerType }) {
		return nil
	}
	up := r.last(Moment{Steps: []Step{}}, func(s Span) bool {
		switch s.Type {
		case peerType, propagationType, attachmentType, firewallType:
			return true
		case recordType:
			return strings.HasPrefix(s.Name, linkPrefix) // those of the cache lead to addresses that its map has as well
		}
		return false
	})
	return &up
}

// installed is when a group's first machine has its packages.
func (r readiness) installed(group Span) Moment {
	login := momentOf(group, r.spans).then(group.Name+": launch to login", r.machine.LaunchToLogin)
	return later(&login, r.way).then(group.Name+": packages", r.machine.Packages)
}

// last is when the last of the spans that are meant has ended, but no earlier than a moment that is known.
func (r readiness) last(known Moment, meant func(Span) bool) Moment {
	for _, s := range r.spans {
		if meant(s) && s.End > known.Seconds {
			known = momentOf(s, r.spans)
		}
	}
	return known
}

// later is the later of two moments; of two at once the first.
func later(a *Moment, b Moment) *Moment {
	if a == nil || b.Seconds > a.Seconds {
		return &b
	}
	return a
}

// momentOf is when a span ends, with the chain that leads to it.
func momentOf(s Span, spans []Span) Moment {
	m := Moment{Steps: []Step{}}
	for _, on := range pathTo(s, spans) {
		m.Steps = append(m.Steps, Step{Name: on.Name, Type: on.Type, Seconds: on.End - m.Seconds})
		m.Seconds = on.End
	}
	return m
}

// then is a moment with one more stage after it.
func (m Moment) then(stage string, seconds float64) Moment {
	return Moment{Seconds: m.Seconds + seconds, Steps: append(slices.Clone(m.Steps), Step{Name: stage, Seconds: seconds})}
}
