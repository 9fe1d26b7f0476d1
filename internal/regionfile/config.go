// Package regionfile reads region files: one YAML file describes one CI build region.
//
// The way of a file is Load (strict decoding, every problem with file, line and path), Default (fills what is absent, pure),
// Validate (what the values mean, all problems at once) and, for several files, LoadAll (what only shows across regions).
// The package knows no cloud and no Pulumi: a region file must load without the engine.
package regionfile

//go:generate go run ./genschema

import (
	"net/netip"
	"time"
)

// Config is one region file.
type Config struct {
	// Name is the file's name without its ending: the name of the stack and of everything that carries the region's name.
	Name string `yaml:"-"`

	source source

	// Where the region is: account, region and zones.
	AWS AWS `yaml:"aws" jsonschema:"required"`
	// What the region is for at the moment: active takes builds; standby keeps network, cache and link up and no runners; draining
	// lets running jobs end and takes no new ones.
	Posture Posture `yaml:"posture,omitempty"`
	// The time-to-ready that this region promises; a preview that predicts more fails.
	Ready Duration `yaml:"ready,omitempty"`
	// The network of the region and its way out.
	Network Network `yaml:"network" jsonschema:"required"`
	// Runner fleets by name.
	Runners map[string]Runner `yaml:"runners,omitempty" want:"a mapping from fleet names to fleets"`
	// The sharded NFS cache. Absent: no cache.
	Cache *Cache `yaml:"cache,omitempty"`
	// The connection to GCP. Absent: none.
	GCP *GCP `yaml:"gcp,omitempty"`
	// Who hears of alarms.
	Alerts Alerts `yaml:"alerts,omitempty"`
	// Tags on every resource that takes tags.
	Tags map[string]string `yaml:"tags,omitempty" want:"a mapping from tag keys to texts, for example {cost-center: ci}"`
}

// AWS says where the region is.
type AWS struct {
	// The twelve digits of the account. Credentials of another account are refused.
	Account string `yaml:"account" jsonschema:"required,pattern=^[0-9]{12}$" want:"the twelve digits of the account in quotes, for example \"210987654321\""`
	// The region's code.
	Region string `yaml:"region" jsonschema:"required" want:"an AWS region such as us-west-1"`
	// The zones, one to six. Their order fixes the address plan: append, never reorder.
	Zones []string `yaml:"zones" jsonschema:"required,minItems=1,maxItems=6" want:"a list of one to six zones such as [us-west-1a, us-west-1b]"`
}

// Posture is what a region is for at the moment.
type Posture string

// The postures.
const (
	Active   Posture = "active"
	Standby  Posture = "standby"
	Draining Posture = "draining"
)

// Network is the region's address range and its way out to the internet.
type Network struct {
	// The address range of the VPC, disjoint from every other region's and from the GCP ranges.
	CIDR netip.Prefix `yaml:"cidr" jsonschema:"required" want:"a private range of /16 to /20, for example 10.42.0.0/16"`
	// How machines reach the internet: each zone through a NAT gateway of its own; all zones through one NAT gateway; each zone
	// through a NAT machine of ours; with public addresses of their own; or not at all, by endpoints and the link alone.
	Egress Egress `yaml:"egress,omitempty"`
	// Egress modes that stay up beside the chosen one, with their addresses, until the fleets have rolled over.
	Keep []Egress `yaml:"keep,omitempty" want:"a list of egress modes, for example [nat-gateway]"`
	// Public addresses per NAT gateway. Each carries 55,000 connections to one destination.
	Addresses int `yaml:"addresses,omitempty" jsonschema:"minimum=1,maximum=8"`
	// The mirror of Debian's archive, https, from which all machines install packages: the address below which are debian and
	// debian-security, as on deb.debian.org. Absent: Debian's own.
	AptMirror string `yaml:"aptMirror,omitempty" want:"an https address such as https://deb.example.com"`
}

// Egress is a way out to the internet.
type Egress string

// The egress modes.
const (
	// NATGatewayPerZone routes each zone through a NAT gateway of its own.
	NATGatewayPerZone Egress = "nat-gateway-per-zone"
	// NATGateway routes all zones through one NAT gateway in the first zone.
	NATGateway Egress = "nat-gateway"
	// NATInstance routes each zone through a machine of ours with a fixed address.
	NATInstance Egress = "nat-instance"
	// Public gives runners public addresses of their own and no NAT.
	Public Egress = "public"
	// None has no way to the internet: what machines need is on endpoints and the link.
	None Egress = "none"
)

// Runner is one fleet of runner machines.
type Runner struct {
	// The processor architecture of every type in the fleet.
	Arch Arch `yaml:"arch" jsonschema:"required"`
	// EC2 instance types, best first. More types find more spot capacity.
	InstanceTypes []string `yaml:"instanceTypes" jsonschema:"required,minItems=1,maxItems=40" want:"a list of one to 40 EC2 instance types such as [m7g.2xlarge, m6g.2xlarge]"`
	// The least and the most machines.
	Count Count `yaml:"count" jsonschema:"required"`
	// How much of the fleet is bought on demand; the rest is spot.
	OnDemand OnDemand `yaml:"onDemand,omitempty"`
	// The root disk.
	Disk Size `yaml:"disk,omitempty"`
	// The machine image.
	Image Image `yaml:"image,omitempty"`
	// Whether the runners use the region's cache. Default: when the region has one.
	Cache *bool `yaml:"cache,omitempty"`
	// The mirror of Docker Hub, https, that the container engine asks first. Absent: it asks Docker Hub.
	RegistryMirror string `yaml:"registryMirror,omitempty" want:"an https address such as https://mirror.example.com"`
	// The CI agent that runs on the machines.
	Agent Agent `yaml:"agent" jsonschema:"required"`
}

// Arch is a processor architecture as EC2 names it.
type Arch string

// The architectures.
const (
	ARM64 Arch = "arm64"
	AMD64 Arch = "x86_64"
)

// Image names a machine image family; the newest image of it is found when a machine starts.
type Image string

// Debian12 is Debian's own image of release 12.
const Debian12 Image = "debian-12"

// Count bounds the size of a fleet, in machines.
type Count struct {
	// The least machines in posture active.
	Min int `yaml:"min" jsonschema:"required,minimum=0"`
	// The most machines.
	Max int `yaml:"max" jsonschema:"required,minimum=1"`
}

// OnDemand says how much of a fleet is bought on demand.
type OnDemand struct {
	// So many machines are on demand before any is spot.
	Base *int `yaml:"base,omitempty" jsonschema:"minimum=0"`
	// So many percent of the machines above the base are on demand.
	Percent *int `yaml:"percent,omitempty" jsonschema:"minimum=0,maximum=100"`
}

// Agent is the CI agent of a fleet.
type Agent struct {
	// The CI system.
	Kind AgentKind `yaml:"kind" jsonschema:"required"`
	// The CI server's address, https. Every kind but command needs it.
	URL string `yaml:"url,omitempty" want:"an https address such as https://ci.example.com"`
	// Labels under which the runners take work.
	Tags []string `yaml:"tags,omitempty" want:"a list of labels such as [aarch64, armhf]"`
	// Jobs at a time on one machine.
	Concurrency int `yaml:"concurrency,omitempty" jsonschema:"minimum=1,maximum=64"`
	// The name of the stack secret that holds the registration token; never the token itself. Every kind but command needs it.
	Token string `yaml:"token,omitempty" jsonschema:"maxLength=64,pattern=^[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*$" want:"the name of a stack secret, for example ci-worker-token" show:"never"`
	// For kind command: the user's own four commands, some 10 KiB in all, since EC2 takes no more user data; a longer one fetches a script.
	Commands *Commands `yaml:"commands,omitempty"`
}

// AgentKind is a CI system.
type AgentKind string

// The CI systems.
const (
	JobServ   AgentKind = "jobserv"
	GitHub    AgentKind = "github"
	GitLab    AgentKind = "gitlab"
	Buildkite AgentKind = "buildkite"
	Command   AgentKind = "command"
)

// Commands are the four commands of an agent of kind command, each run by /bin/sh.
type Commands struct {
	// Installs the agent. Runs once on a machine.
	Install string `yaml:"install" jsonschema:"required"`
	// Registers the machine and starts the agent.
	Register string `yaml:"register" jsonschema:"required"`
	// Takes no new job and returns when the running ones have ended.
	Drain string `yaml:"drain" jsonschema:"required"`
	// Removes the machine from the CI system.
	Unregister string `yaml:"unregister" jsonschema:"required"`
}

// Cache is the sharded NFS cache.
type Cache struct {
	// How many cache servers.
	Shards int `yaml:"shards" jsonschema:"required,minimum=1,maximum=32"`
	// EC2 instance types of the servers, best first.
	InstanceTypes []string `yaml:"instanceTypes" jsonschema:"required,minItems=1,maxItems=40" want:"a list of one to 40 EC2 instance types such as [m7g.4xlarge, m6g.4xlarge]"`
	// The data volume of each shard.
	Volume Volume `yaml:"volume" jsonschema:"required"`
	// Where the first content comes from. Absent: start empty.
	Seed *Seed `yaml:"seed,omitempty"`
	// Tenants placed by hand on a shard, counted from 0; all others by hash.
	Pins map[string]int `yaml:"pins,omitempty" want:"a mapping from tenants to shards, for example {acme: 2}"`
}

// Volume is a gp3 volume.
type Volume struct {
	// The volume's size; never smaller than it was.
	Size Size `yaml:"size" jsonschema:"required"`
	// Operations a second, at most 500 for each GiB.
	IOPS int `yaml:"iops,omitempty" jsonschema:"minimum=3000,maximum=80000"`
	// Throughput in MiB/s, at most a quarter MiB/s for each IOPS.
	Throughput int `yaml:"throughput,omitempty" jsonschema:"minimum=125,maximum=2000"`
}

// Seed says where a cache's first content comes from.
type Seed struct {
	// The region file, by its name without .yaml, whose newest snapshots are copied here.
	Region string `yaml:"region" jsonschema:"required" want:"the name of another region file, for example us-east-2"`
}

// GCP is the connection to the backend in Google Cloud.
type GCP struct {
	// The project of the backend's network.
	Project string `yaml:"project" jsonschema:"required,pattern=^[a-z][a-z0-9-]{4\\,28}[a-z0-9]$" want:"a GCP project id such as acme-backend"`
	// The GCP region nearest to this one.
	Region string `yaml:"region" jsonschema:"required,pattern=^[a-z]+-[a-z]+[0-9]+$" want:"a GCP region such as us-west2"`
	// The VPC network's name.
	Network string `yaml:"network,omitempty" jsonschema:"pattern=^[a-z]([a-z0-9-]{0\\,61}[a-z0-9])?$" want:"a GCP network's name such as default"`
	// How the two clouds are joined.
	Link Link `yaml:"link,omitempty"`
	// BGP numbers of the two sides. A link needs them.
	ASN ASN `yaml:"asn,omitempty"`
	// The /28 of link-local addresses from which the four tunnels take a /30 each. Default: from the region file's name.
	TunnelRange netip.Prefix `yaml:"tunnelRange,omitempty" want:"a /28 in 169.254.6.0 to 169.254.255.255 outside 169.254.169.0/24, for example 169.254.20.0/28"`
	// The address ranges of the GCP network that the link announces to AWS. Default: those of auto-mode networks.
	Ranges []netip.Prefix `yaml:"ranges,omitempty" jsonschema:"minItems=1,maxItems=99" want:"a list of one to 99 address ranges such as [10.128.0.0/9]"`
	// Which way backend names resolve. Default: private with a link, public without.
	Path Path `yaml:"path,omitempty"`
	// Which way Google APIs are reached. Default: private with a link, public without.
	GoogleAPIs GoogleAPIs `yaml:"googleApis,omitempty"`
	// The Cloud Armor policy of the project in which this region's egress addresses get a rule of their own. Absent: none.
	SecurityPolicy *SecurityPolicy `yaml:"securityPolicy,omitempty"`
	// Backend services that runners talk to.
	Services []Service `yaml:"services,omitempty" want:"a list of services such as [{name: api, host: api.example.com, address: 10.128.0.10, ports: [443]}]"`
}

// Link is how the two clouds are joined.
type Link string

// The links.
const (
	HAVPN  Link = "ha-vpn"
	NoLink Link = "none"
)

// ASN holds the BGP numbers of the two sides, both private and different.
type ASN struct {
	// The AWS side; different in every region.
	AWS int64 `yaml:"aws,omitempty" jsonschema:"minimum=64512,maximum=4294967294" want:"a private BGP number: 64512 to 65534, or 4200000000 to 4294967294"`
	// The GCP side.
	GCP int64 `yaml:"gcp,omitempty" jsonschema:"minimum=64512,maximum=4294967294" want:"a private BGP number: 64512 to 65534, or 4200000000 to 4294967294"`
}

// Path is the way that backend names resolve to.
type Path string

// The paths.
const (
	PrivatePath Path = "private"
	PublicPath  Path = "public"
)

// GoogleAPIs is the way Google APIs are reached.
type GoogleAPIs string

// The ways to Google APIs.
const (
	PrivateAPIs    GoogleAPIs = "private"
	RestrictedAPIs GoogleAPIs = "restricted"
	PublicAPIs     GoogleAPIs = "public"
)

// SecurityPolicy is a Cloud Armor policy that guards the backend's public addresses.
type SecurityPolicy struct {
	// The policy's name in the project.
	Name string `yaml:"name" jsonschema:"required,pattern=^[a-z]([a-z0-9-]{0\\,61}[a-z0-9])?$" want:"a Cloud Armor policy's name such as edge"`
	// The priority of this region's rule, which no other rule of the policy has: lower comes first. The largest number, 2147483647,
	// is the policy's own last rule.
	Priority int `yaml:"priority" jsonschema:"required,minimum=0,maximum=2147483646"`
}

// Service is one backend service.
type Service struct {
	// A short name, unique in the file.
	Name string `yaml:"name" jsonschema:"required,pattern=^[a-z]([a-z0-9-]{0\\,22}[a-z0-9])?$" want:"1 to 24 lower-case letters, digits and hyphens, for example api"`
	// The DNS name that runners use.
	Host string `yaml:"host" jsonschema:"required" want:"a DNS name in lower case such as api.example.com"`
	// Its private address in GCP.
	Address netip.Addr `yaml:"address" jsonschema:"required"`
	// Its TCP ports.
	Ports []int `yaml:"ports" jsonschema:"required,minItems=1" want:"a list of TCP ports such as [443]"`
}

// Alerts says who hears of alarms.
type Alerts struct {
	// E-mail addresses.
	Email []string `yaml:"email,omitempty" want:"a list of e-mail addresses such as [ci-oncall@example.com]"`
	// Addresses, https, that the notification service posts alarms to.
	Webhooks []string `yaml:"webhooks,omitempty" want:"a list of https addresses such as [https://hooks.example.com/alarms]"`
}

// Duration is a span of time, written as 10m or 1h30m.
type Duration time.Duration

// Size is a size in GiB, written as 200GiB or 2TiB.
type Size int64
