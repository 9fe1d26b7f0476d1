// Package spec is the description of a machine: the JSON document in user data that states the machine's role, names,
// parameters and hooks. Package plan writes it; the agent parses and validates it at every start.
package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// Version is the version of the description's format. It changes when an agent of the previous version would misread a
// newer description. An agent reads only its own version, because a machine fetches the agent and the description from
// the same release.
const Version = 1

// Role is the job of a machine in its region.
type Role string

// The roles.
const (
	RunnerRole Role = "runner"
	CacheRole  Role = "cache"
	NATRole    Role = "nat"
)

// Description describes one machine. User data writes it to /etc/beachhead/node.json. It contains no secrets and no
// value that may change while the machine lives, such as the posture: user data belongs to the launch template, so such
// a change would reach only new machines.
type Description struct {
	Version int    `json:"version"`
	Role    Role   `json:"role"`
	Stack   string `json:"stack"`
	// Region is the AWS region's code.
	Region  string  `json:"region"`
	Metrics Metrics `json:"metrics"`
	Hooks   Hooks   `json:"hooks"`
	// AptMirror is the https address of a mirror of Debian's archive, with the folders debian and debian-security below
	// it. When it is empty, apt uses the sources of the image.
	AptMirror string `json:"aptMirror,omitempty"`
	// Exactly one of Runner, Cache and NAT is set: the one that belongs to Role.
	Runner *Runner `json:"runner,omitempty"`
	Cache  *Cache  `json:"cache,omitempty"`
	NAT    *NAT    `json:"nat,omitempty"`
}

// Metrics is the namespace and the dimensions under which the machine publishes metrics in CloudWatch.
type Metrics struct {
	Namespace string `json:"namespace"`
	// Dimensions maps the name of each dimension to its value.
	Dimensions map[string]string `json:"dimensions"`
}

// Hooks are the names of the lifecycle hooks of the machine's Auto Scaling group.
type Hooks struct {
	// Ready is the launch hook: the machine enters service when the agent completes it. Drain is the terminate hook:
	// the machine lives until the agent completes it.
	Ready string `json:"ready"`
	Drain string `json:"drain"`
}

// Runner describes a machine that runs CI jobs.
type Runner struct {
	Fleet string `json:"fleet"`
	// Path is the prefix of the fleet's parameters: /beachhead/us-west-1/fleets/containers-arm64.
	Path  string `json:"path"`
	Agent Agent  `json:"agent"`
	// MapParameter is the name of the parameter that contains the shard map. When it is empty, the machine uses no
	// cache.
	MapParameter string `json:"mapParameter,omitempty"`
	// RegistryMirror is the address of the mirror that the container engine queries first. When it is empty, the engine
	// uses no mirror.
	RegistryMirror string `json:"registryMirror,omitempty"`
	// Services are the backend services that the self-check connects to before the machine takes jobs.
	Services []Service `json:"services,omitempty"`
}

// Service is one backend service of the region file's gcp.services.
type Service struct {
	Name string `json:"name"`
	Host string `json:"host"`
	// Ports are TCP ports.
	Ports []int `json:"ports"`
}

// NAT describes a NAT instance.
type NAT struct {
	// Name is the name of its Auto Scaling group, such as net-nat-instance-us-west-1a.
	Name string `json:"name"`
	// Sources are the address ranges whose traffic the instance forwards.
	Sources []netip.Prefix `json:"sources"`
}

// Agent describes the CI system's agent on a runner.
type Agent struct {
	// Kind is jobserv, github, gitlab, buildkite or command.
	Kind string   `json:"kind"`
	URL  string   `json:"url,omitempty"`
	Tags []string `json:"tags,omitempty"`
	// Concurrency is the maximum number of jobs at the same time.
	Concurrency int `json:"concurrency"`
	// TokenParameter is the name of the parameter that contains the registration token, never the token itself. When it
	// is empty, the agent needs no token.
	TokenParameter string    `json:"tokenParameter,omitempty"`
	Commands       *Commands `json:"commands,omitempty"`
}

// Commands are the user's own shell commands, run by /bin/sh, for an agent of kind command.
type Commands struct {
	Install    string `json:"install"`
	Register   string `json:"register"`
	Drain      string `json:"drain"`
	Unregister string `json:"unregister"`
}

// Cache describes a cache server.
type Cache struct {
	// Shard is the name of the shard, such as cache-shard-00. Number is its number, counted from 0.
	Shard  string `json:"shard"`
	Number int    `json:"number"`
	// Volume and Interface are the Name tags of the data volume and of the network interface. They outlive the machine.
	Volume    string `json:"volume"`
	Interface string `json:"interface"`
	// Threads is the number of threads of the NFS server.
	Threads int `json:"threads"`
	// Clients are the address ranges that may mount the shard.
	Clients []netip.Prefix `json:"clients"`
	// MapParameter is the name of the parameter that contains the shard map.
	MapParameter string `json:"mapParameter"`
}

// Parse reads a description and validates it. Unlike the parser of the shard map, it is strict: a machine fetches its
// description and the agent from the same release, so an unknown field is a mistake. It returns an error when the text
// is not JSON, has another version or an unknown field, or fails Validate.
func Parse(text []byte) (Description, error) {
	var d Description
	// The version comes first, because other errors in a description of another version do not matter. Unlike the
	// decoder below, json.Unmarshal also refuses text after the description.
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return d, fmt.Errorf("reading the description: %w; replace the machine: its launch template contains a new description", err)
	}
	if err := checkVersion(head.Version); err != nil {
		return d, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("reading the description: %w; run `beachhead up` with one release, so that the description and the agent match", err)
	}
	return d, d.Validate()
}

func checkVersion(version int) error {
	if version == Version {
		return nil
	}
	return fmt.Errorf("the description has version %d and this agent reads version %d; run `beachhead up` with one release, "+
		"then replace the machine", version, Version)
}

// Validate returns an error unless the description contains everything that its role needs. The error lists all missing
// fields.
func (d Description) Validate() error {
	if err := checkVersion(d.Version); err != nil {
		return err
	}
	var missing []string
	require := func(name string, present bool) {
		if !present {
			missing = append(missing, name)
		}
	}
	require("stack", d.Stack != "")
	require("region", d.Region != "")
	require("metrics", d.Metrics.Namespace != "" && len(d.Metrics.Dimensions) > 0)
	require("hooks", d.Hooks.Ready != "" && d.Hooks.Drain != "")
	require("an aptMirror that is an https address", d.AptMirror == "" || isAptAddress(d.AptMirror))
	if err := d.checkRole(); err != nil {
		return err
	}
	switch d.Role {
	case RunnerRole:
		d.Runner.requireFields(require)
	case CacheRole:
		d.Cache.requireFields(require)
	case NATRole:
		d.NAT.requireFields(require)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the description lacks %s; run `beachhead up`, then replace the machine", strings.Join(missing, ", "))
	}
	return nil
}

// isAptAddress reports whether the text can stand in an apt sources file as one address: after a space apt reads
// another address, and after a new line another field.
func isAptAddress(address string) bool {
	return strings.HasPrefix(address, "https://") && !strings.ContainsAny(address, " \t\r\n")
}

// checkRole returns an error unless the agent knows the role and the description has the section of this role only.
func (d Description) checkRole() error {
	sections := map[Role]bool{RunnerRole: d.Runner != nil, CacheRole: d.Cache != nil, NATRole: d.NAT != nil}
	if _, known := sections[d.Role]; !known {
		return fmt.Errorf("the description has the role %q, which this agent does not know; want %s, %s or %s; run `beachhead up` with one "+
			"release, then replace the machine", d.Role, RunnerRole, CacheRole, NATRole)
	}
	for role, present := range sections {
		if present && role != d.Role {
			return fmt.Errorf("the description of role %s has a section %s; want only the section %s; run `beachhead up` with one release, "+
				"then replace the machine", d.Role, role, d.Role)
		}
	}
	return nil
}

func (r *Runner) requireFields(require func(name string, present bool)) {
	require("runner", r != nil)
	if r == nil {
		return
	}
	require("runner.fleet", r.Fleet != "")
	require("runner.path", strings.HasPrefix(r.Path, "/"))
	require("runner.agent.kind", r.Agent.Kind != "")
	require("runner.agent.concurrency", r.Agent.Concurrency > 0)
	require("runner.agent.commands", r.Agent.Kind != "command" || r.Agent.Commands != nil)
}

func (c *Cache) requireFields(require func(name string, present bool)) {
	require("cache", c != nil)
	if c == nil {
		return
	}
	require("cache.shard", c.Shard != "")
	require("cache.number", c.Number >= 0)
	require("cache.volume", c.Volume != "")
	require("cache.interface", c.Interface != "")
	require("cache.threads", c.Threads > 0)
	require("cache.clients", len(c.Clients) > 0)
	require("cache.mapParameter", c.MapParameter != "")
}

func (n *NAT) requireFields(require func(name string, present bool)) {
	require("nat", n != nil)
	if n == nil {
		return
	}
	require("nat.name", n.Name != "")
	require("nat.sources", len(n.Sources) > 0)
}

// GroupName returns the name of the machine's group for logs: "fleet NAME" for a runner, and the name of the Auto
// Scaling group or the shard for the others.
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
