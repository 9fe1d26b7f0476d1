// Package spec is the agent that runs on every machine of a region: on runners, on cache servers and on NAT instances.
package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// Version is that of the description's shape. It changes when an agent of the version before would do something wrong with a newer
// description; an agent reads its own version only, since a machine gets both from the same release.
const Version = 1

// Role is what a machine is for.
type Role string

// The roles.
const (
	RunnerRole Role = "runner"
	CacheRole  Role = "cache"
	NATRole    Role = "nat"
)

// Description is what a machine is told about itself, in its user data. It holds no secrets, and nothing that may change while the machine
// lives, such as the posture: user data is part of the launch template, and such a change would reach new machines only.
type Description struct {
	Version int    `json:"version"`
	Role    Role   `json:"role"`
	Stack   string `json:"stack"`
	// Region is the AWS region's code.
	Region  string  `json:"region"`
	Metrics Metrics `json:"metrics"`
	Hooks   Hooks   `json:"hooks"`
	// AptMirror is the https address below which a mirror of Debian's archive has debian and debian-security; empty: apt asks what the image
	// has it ask.
	AptMirror string `json:"aptMirror,omitempty"`
	// Runner is there for a runner, Cache for a cache server and NAT for a NAT instance, and the others are not.
	Runner *Runner `json:"runner,omitempty"`
	Cache  *Cache  `json:"cache,omitempty"`
	NAT    *NAT    `json:"nat,omitempty"`
}

// Metrics says under what the machine publishes its metrics in CloudWatch.
type Metrics struct {
	Namespace string `json:"namespace"`
	// Dimensions are values by name.
	Dimensions map[string]string `json:"dimensions"`
}

// Hooks are the names of the life-cycle hooks of the machine's scaling group.
type Hooks struct {
	// Ready holds the machine back until it completes the hook, and Drain keeps it until it has let go.
	Ready string `json:"ready"`
	Drain string `json:"drain"`
}

// Runner is what a runner is told.
type Runner struct {
	Fleet string `json:"fleet"`
	// Path begins the names of the fleet's parameters: /beachhead/us-west-1/fleets/containers-arm64.
	Path  string `json:"path"`
	Agent Agent  `json:"agent"`
	// MapParameter is the name of the parameter with the shard map; empty: the machine uses no cache.
	MapParameter string `json:"mapParameter,omitempty"`
	// RegistryMirror is the address of the mirror that the container engine asks first; empty: there is none.
	RegistryMirror string `json:"registryMirror,omitempty"`
	// Services are the backend's, which must answer before the machine takes work.
	Services []Service `json:"services,omitempty"`
}

// Service is one backend service.
type Service struct {
	Name string `json:"name"`
	Host string `json:"host"`
	// Ports are TCP.
	Ports []int `json:"ports"`
}

// NAT is what a NAT instance is told.
type NAT struct {
	// Name is its group's, such as net-nat-instance-us-west-1a.
	Name string `json:"name"`
	// Sources are the ranges whose traffic it carries.
	Sources []netip.Prefix `json:"sources"`
}

// Agent is the CI agent that a runner runs.
type Agent struct {
	// Kind is jobserv, github, gitlab, buildkite or command.
	Kind string   `json:"kind"`
	URL  string   `json:"url,omitempty"`
	Tags []string `json:"tags,omitempty"`
	// Concurrency is how many jobs run at a time.
	Concurrency int `json:"concurrency"`
	// TokenParameter is the name of the parameter with the registration token, never the token; empty: there is none.
	TokenParameter string    `json:"tokenParameter,omitempty"`
	Commands       *Commands `json:"commands,omitempty"`
}

// Commands are the user's own, run by /bin/sh, for an agent of kind command.
type Commands struct {
	Install    string `json:"install"`
	Register   string `json:"register"`
	Drain      string `json:"drain"`
	Unregister string `json:"unregister"`
}

// Cache is what a cache server is told.
type Cache struct {
	// Shard is the shard's name, cache-shard-00, and Number its number.
	Shard  string `json:"shard"`
	Number int    `json:"number"`
	// Volume and Interface are the Name tags of the data volume and of the interface that outlive the machine.
	Volume    string `json:"volume"`
	Interface string `json:"interface"`
	// Threads counts those of the NFS server.
	Threads int `json:"threads"`
	// Clients are the ranges that may mount.
	Clients []netip.Prefix `json:"clients"`
	// MapParameter is the name of the parameter with the shard map.
	MapParameter string `json:"mapParameter"`
}

// Parse reads a description and validates it. It is strict, unlike the reader of the shard map: a machine gets its description and the
// agent that reads it from the same release, so what the agent does not know is a mistake.
func Parse(text []byte) (Description, error) {
	var d Description
	// The version first: what else is wrong with a description of another version is beside the point. Unlike the decoder below, this
	// also refuses what stands behind the description.
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return d, fmt.Errorf("reading the description: %w; replace the machine, which gets a new one from its launch template", err)
	}
	if err := checkVersion(head.Version); err != nil {
		return d, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("reading the description: %w; run beachhead up with one release, so that description and agent are of the same", err)
	}
	return d, d.Validate()
}

func checkVersion(version int) error {
	if version == Version {
		return nil
	}
	return fmt.Errorf("the description has version %d and this agent reads version %d; run beachhead up with one release, then replace the machine",
		version, Version)
}

// Validate checks that the description says all that its role needs. The error names everything that is missing.
func (d Description) Validate() error {
	if err := checkVersion(d.Version); err != nil {
		return err
	}
	var missing []string
	need := func(name string, there bool) {
		if !there {
			missing = append(missing, name)
		}
	}
	need("stack", d.Stack != "")
	need("region", d.Region != "")
	need("metrics", d.Metrics.Namespace != "" && len(d.Metrics.Dimensions) > 0)
	need("hooks", d.Hooks.Ready != "" && d.Hooks.Drain != "")
	need("an aptMirror that is an https address", d.AptMirror == "" || isAptAddress(d.AptMirror))
	if err := d.checkRole(); err != nil {
		return err
	}
	switch d.Role {
	case RunnerRole:
		d.Runner.requireFields(need)
	case CacheRole:
		d.Cache.requireFields(need)
	case NATRole:
		d.NAT.requireFields(need)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the description lacks %s; run beachhead up, then replace the machine", strings.Join(missing, ", "))
	}
	return nil
}

// isAptAddress says whether apt's file of sources can hold an address: what stands behind a space there is an address of its own, and a new line
// another field.
func isAptAddress(address string) bool {
	return strings.HasPrefix(address, "https://") && !strings.ContainsAny(address, " \t\r\n")
}

// checkRole says whether the description is of a role that is known, and of no other.
func (d Description) checkRole() error {
	sections := map[Role]bool{RunnerRole: d.Runner != nil, CacheRole: d.Cache != nil, NATRole: d.NAT != nil}
	if _, known := sections[d.Role]; !known {
		return fmt.Errorf("the description has the role %q, which this agent does not know; want %s, %s or %s, or an agent of the release that wrote it",
			d.Role, RunnerRole, CacheRole, NATRole)
	}
	for role, there := range sections {
		if there && role != d.Role {
			return fmt.Errorf("the description of role %s has a section %s; want the section %s alone", d.Role, role, d.Role)
		}
	}
	return nil
}

func (r *Runner) requireFields(need func(name string, there bool)) {
	need("runner", r != nil)
	if r == nil {
		return
	}
	need("runner.fleet", r.Fleet != "")
	need("runner.path", strings.HasPrefix(r.Path, "/"))
	need("runner.agent.kind", r.Agent.Kind != "")
	need("runner.agent.concurrency", r.Agent.Concurrency > 0)
	need("runner.agent.commands", r.Agent.Kind != "command" || r.Agent.Commands != nil)
}

func (c *Cache) requireFields(need func(name string, there bool)) {
	need("cache", c != nil)
	if c == nil {
		return
	}
	need("cache.shard", c.Shard != "")
	need("cache.number", c.Number >= 0)
	need("cache.volume", c.Volume != "")
	need("cache.interface", c.Interface != "")
	need("cache.threads", c.Threads > 0)
	need("cache.clients", len(c.Clients) > 0)
	need("cache.mapParameter", c.MapParameter != "")
}

func (n *NAT) requireFields(need func(name string, there bool)) {
	need("nat", n != nil)
	if n == nil {
		return
	}
	need("nat.name", n.Name != "")
	need("nat.sources", len(n.Sources) > 0)
}

// GroupName is what the machine's group is known by.
func (d Description) GroupName() string {
	switch d.Role {
	case RunnerRole:
		return "fleet " + d.Runner.Fleet
	case NATRole:
		return d.NAT.Name
	default:
		return d.Cache.Shard
	}
}
