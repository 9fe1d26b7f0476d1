// Package regionfile reads region files. One YAML file describes one CI build region.
//
// A file passes through three steps. Load decodes it strictly and reports every problem with file, line and path. Default
// fills in absent keys. Validate checks the values against the rules and reports all problems at once. LoadAll does the three
// steps for several files and checks the regions against each other. The package does not depend on a cloud or on Pulumi: a
// region file must load without the engine.
//
// docs/contributing/add-region-file-key.md explains how to add a key.
package regionfile

//go:generate go run ./genschema

import (
	"net/netip"
	"time"
)

// Config is one region file.
type Config struct {
	// Name is the file's name without its extension. It is also the name of the stack.
	Name string `yaml:"-"`

	source sourceMap

	// The AWS account, region and zones.
	AWS AWS `yaml:"aws" jsonschema:"required"`
	// The current purpose of the region. active accepts builds. standby keeps network, cache and link up without runners.
	// draining finishes running jobs and accepts no new ones.
	Posture Posture `yaml:"posture,omitempty"`
	// The promised time to ready. A preview that predicts a longer time fails.
	Ready Duration `yaml:"ready,omitempty"`
	// The address range of the region and its internet access.
	Network Network `yaml:"network" jsonschema:"required"`
	// The runner fleets, by name.
	Runners map[string]Runner `yaml:"runners,omitempty" want:"a mapping from fleet names to fleets"`
	// The sharded NFS cache. Absent: no cache.
	Cache *Cache `yaml:"cache,omitempty"`
	// The connection to GCP. Absent: no connection.
	GCP *GCP `yaml:"gcp,omitempty"`
	// The recipients of alarms.
	Alerts Alerts `yaml:"alerts,omitempty"`
	// Tags for every resource that supports tags.
	Tags map[string]string `yaml:"tags,omitempty" want:"a mapping from tag keys to texts, for example {cost-center: ci}"`
}

// AWS is the account, AWS region and zones of a region.
type AWS struct {
	// The twelve digits of the account. Beachhead refuses credentials of another account.
	Account string `yaml:"account" jsonschema:"required,pattern=^[0-9]{12}$" want:"the twelve digits of the account in quotes, for example \"210987654321\""`
	// The AWS region's code.
	Region string `yaml:"region" jsonschema:"required" want:"an AWS region such as us-west-1"`
	// The availability zones, one to six. Their order determines the address plan: append zones, never reorder them.
	Zones []string `yaml:"zones" jsonschema:"required,minItems=1,maxItems=6" want:"a list of one to six zones such as [us-west-1a, us-west-1b]"`
}

// Posture is the current purpose of a region.
type Posture string

// The postures.
const (
	Active   Posture = "active"
	Standby  Posture = "standby"
	Draining Posture = "draining"
)

// Network is the region's address range and its internet access.
type Network struct {
	// The address range of the VPC. It must not overlap another region's range or the GCP ranges.
	CIDR netip.Prefix `yaml:"cidr" jsonschema:"required" want:"a private range of /16 to /20, for example 10.42.0.0/16"`
	// The egress mode: how machines reach the internet. nat-gateway-per-zone: each zone through its own NAT gateway. nat-gateway:
	// all zones through one NAT gateway. nat-instance: each zone through a NAT instance. public: each machine with its own public
	// address. none: no internet access, only VPC endpoints and the link.
	Egress Egress `yaml:"egress,omitempty"`
	// Egress modes that stay up beside the chosen one, with their addresses, until the fleets have rolled over.
	Keep []Egress `yaml:"keep,omitempty" want:"a list of egress modes, for example [nat-gateway]"`
	// The number of public addresses per NAT gateway. Each address supports 55,000 connections to one destination.
	Addresses int `yaml:"addresses,omitempty" jsonschema:"minimum=1,maximum=8"`
	// The https address of a mirror of Debian's archive. All machines install packages from it. The address has debian and
	// debian-security below it, as deb.debian.org has. Absent: Debian's own archive.
	AptMirror string `yaml:"aptMirror,omitempty" want:"an https address such as https://deb.example.com"`
}

// Egress is an egress mode: how machines reach the internet.
type Egress string

// The egress modes.
const (
	// NATGatewayPerZone routes each zone through its own NAT gateway.
	NATGatewayPerZone Egress = "nat-gateway-per-zone"
	// NATGateway routes all zones through one NAT gateway in the first zone.
	NATGateway Egress = "nat-gateway"
	// NATInstance routes each zone through a NAT instance with a fixed address.
	NATInstance Egress = "nat-instance"
	// Public assigns a public address to each runner, without NAT.
	Public Egress = "public"
	// None has no internet access. Machines use VPC endpoints and the link.
	None Egress = "none"
)

// Runner is one fleet of runner machines.
type Runner struct {
	// The processor architecture of all instance types of the fleet.
	Arch Arch `yaml:"arch" jsonschema:"required"`
	// EC2 instance types, best first. More types find more spot capacity.
	InstanceTypes []string `yaml:"instanceTypes" jsonschema:"required,minItems=1,maxItems=40" want:"a list of one to 40 EC2 instance types such as [m7g.2xlarge, m6g.2xlarge]"`
	// The minimum and the maximum number of machines.
	Count Count `yaml:"count" jsonschema:"required"`
	// The on-demand part of the fleet. The rest is spot.
	OnDemand OnDemand `yaml:"onDemand,omitempty"`
	// The root disk.
	Disk Size `yaml:"disk,omitempty"`
	// The machine image.
	Image Image `yaml:"image,omitempty"`
	// Whether the runners use the region's cache. Default: true if the region has a cache.
	Cache *bool `yaml:"cache,omitempty"`
	// The https address of a mirror of Docker Hub, which the container engine tries first. Absent: Docker Hub.
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

// Image is a family of machine images. EC2 looks up its newest image when it launches a machine.
type Image string

// Debian12 is Debian's own image of release 12.
const Debian12 Image = "debian-12"

// Count bounds the size of a fleet, in machines.
type Count struct {
	// The minimum number of machines in posture active.
	Min int `yaml:"min" jsonschema:"required,minimum=0"`
	// The maximum number of machines.
	Max int `yaml:"max" jsonschema:"required,minimum=1"`
}

// OnDemand is the on-demand part of a fleet.
type OnDemand struct {
	// The number of machines that are on demand before any machine is spot.
	Base *int `yaml:"base,omitempty" jsonschema:"minimum=0"`
	// The percentage of the machines above the base that are on demand.
	Percent *int `yaml:"percent,omitempty" jsonschema:"minimum=0,maximum=100"`
}

// Agent is the CI agent of a fleet.
type Agent struct {
	// The CI system.
	Kind AgentKind `yaml:"kind" jsonschema:"required"`
	// The https address of the CI server. Every kind except command requires it.
	URL string `yaml:"url,omitempty" want:"an https address such as https://ci.example.com"`
	// The labels of the jobs that the runners accept.
	Tags []string `yaml:"tags,omitempty" want:"a list of labels such as [aarch64, armhf]"`
	// The number of concurrent jobs on one machine.
	Concurrency int `yaml:"concurrency,omitempty" jsonschema:"minimum=1,maximum=64"`
	// The name of the stack secret that holds the registration token, never the token itself. Every kind except command requires it.
	Token string `yaml:"token,omitempty" jsonschema:"maxLength=64,pattern=^[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*$" want:"the name of a stack secret, for example ci-worker-token" show:"never"`
	// The user's four commands, for kind command. Together they have about 10 KiB at most, because EC2 limits user data. A
	// longer command fetches a script.
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
	// Accepts no new job, and returns when the running jobs have finished.
	Drain string `yaml:"drain" jsonschema:"required"`
	// Removes the machine from the CI system.
	Unregister string `yaml:"unregister" jsonschema:"required"`
}

// Cache is the sharded NFS cache.
type Cache struct {
	// The number of cache servers.
	Shards int `yaml:"shards" jsonschema:"required,minimum=1,maximum=32"`
	// EC2 instance types of the servers, best first.
	InstanceTypes []string `yaml:"instanceTypes" jsonschema:"required,minItems=1,maxItems=40" want:"a list of one to 40 EC2 instance types such as [m7g.4xlarge, m6g.4xlarge]"`
	// The data volume of each shard.
	Volume Volume `yaml:"volume" jsonschema:"required"`
	// The source of the first content. Absent: the cache starts empty.
	Seed *Seed `yaml:"seed,omitempty"`
	// The shard number, from 0, of tenants that you place by hand. A hash places all other tenants.
	Pins map[string]int `yaml:"pins,omitempty" want:"a mapping from tenants to shards, for example {acme: 2}"`
}

// Volume is a gp3 volume.
type Volume struct {
	// The size of the volume. It can grow and never shrink.
	Size Size `yaml:"size" jsonschema:"required"`
	// Operations per second, at most 500 per GiB.
	IOPS int `yaml:"iops,omitempty" jsonschema:"minimum=3000,maximum=80000"`
	// Throughput in MiB/s, at most 0.25 MiB/s per IOPS.
	Throughput int `yaml:"throughput,omitempty" jsonschema:"minimum=125,maximum=2000"`
}

// Seed is the source of a cache's first content.
type Seed struct {
	// The name, without .yaml, of another region file. The cache starts from copies of that region's newest snapshots.
	Region string `yaml:"region" jsonschema:"required" want:"the name of another region file, for example us-east-2"`
}

// GCP is the connection to the backend in Google Cloud.
type GCP struct {
	// The project of the backend's network.
	Project string `yaml:"project" jsonschema:"required,pattern=^[a-z][a-z0-9-]{4\\,28}[a-z0-9]$" want:"a GCP project id such as acme-backend"`
	// The nearest GCP region.
	Region string `yaml:"region" jsonschema:"required,pattern=^[a-z]+-[a-z]+[0-9]+$" want:"a GCP region such as us-west2"`
	// The VPC network's name.
	Network string `yaml:"network,omitempty" jsonschema:"pattern=^[a-z]([a-z0-9-]{0\\,61}[a-z0-9])?$" want:"a GCP network's name such as default"`
	// The kind of link between the two clouds.
	Link Link `yaml:"link,omitempty"`
	// The BGP numbers (ASNs) of the two sides. A link requires them.
	ASN ASN `yaml:"asn,omitempty"`
	// The /28 of link-local addresses for the four tunnels, a /30 each. Default: derived from the region file's name.
	TunnelRange netip.Prefix `yaml:"tunnelRange,omitempty" want:"a /28 in 169.254.6.0 to 169.254.255.255 outside 169.254.169.0/24, for example 169.254.20.0/28"`
	// The address ranges of the GCP network that the link announces to AWS. Default: the range of auto-mode networks.
	Ranges []netip.Prefix `yaml:"ranges,omitempty" jsonschema:"minItems=1,maxItems=99" want:"a list of one to 99 address ranges such as [10.128.0.0/9]"`
	// The path to the backend: backend names resolve to private or to public addresses. Default: private with a link, public without.
	Path Path `yaml:"path,omitempty"`
	// The path to Google APIs. Default: private with a link, public without.
	GoogleAPIs GoogleAPIs `yaml:"googleApis,omitempty"`
	// The Cloud Armor policy of the project that gets a rule for this region's egress addresses. Absent: no rule.
	SecurityPolicy *SecurityPolicy `yaml:"securityPolicy,omitempty"`
	// The backend services that runners connect to.
	Services []Service `yaml:"services,omitempty" want:"a list of services such as [{name: api, host: api.example.com, address: 10.128.0.10, ports: [443]}]"`
}

// Link is a kind of link between the two clouds.
type Link string

// The kinds of link.
const (
	HAVPN  Link = "ha-vpn"
	NoLink Link = "none"
)

// ASN is the pair of BGP numbers of the two sides. They are private and different.
type ASN struct {
	// The number of the AWS side. It differs in every region.
	AWS int64 `yaml:"aws,omitempty" jsonschema:"minimum=64512,maximum=4294967294" want:"a private BGP number: 64512 to 65534, or 4200000000 to 4294967294"`
	// The number of the GCP side.
	GCP int64 `yaml:"gcp,omitempty" jsonschema:"minimum=64512,maximum=4294967294" want:"a private BGP number: 64512 to 65534, or 4200000000 to 4294967294"`
}

// Path is the path to the backend: the kind of address that backend names resolve to.
type Path string

// The paths to the backend.
const (
	PrivatePath Path = "private"
	PublicPath  Path = "public"
)

// GoogleAPIs is the path to Google APIs.
type GoogleAPIs string

// The paths to Google APIs.
const (
	PrivateAPIs    GoogleAPIs = "private"
	RestrictedAPIs GoogleAPIs = "restricted"
	PublicAPIs     GoogleAPIs = "public"
)

// SecurityPolicy is a Cloud Armor policy that guards the backend's public addresses.
type SecurityPolicy struct {
	// The policy's name in the project.
	Name string `yaml:"name" jsonschema:"required,pattern=^[a-z]([a-z0-9-]{0\\,61}[a-z0-9])?$" want:"a Cloud Armor policy's name such as edge"`
	// The priority of this region's rule. It differs from every other rule of the policy, and a lower number comes first. The
	// largest number, 2147483647, belongs to the policy's own last rule.
	Priority int `yaml:"priority" jsonschema:"required,minimum=0,maximum=2147483646"`
}

// Service is one backend service.
type Service struct {
	// A short name, unique in the file.
	Name string `yaml:"name" jsonschema:"required,pattern=^[a-z]([a-z0-9-]{0\\,22}[a-z0-9])?$" want:"1 to 24 lower-case letters, digits and hyphens, for example api"`
	// The DNS name that runners use.
	Host string `yaml:"host" jsonschema:"required" want:"a DNS name in lower case such as api.example.com"`
	// The private address of the service in GCP.
	Address netip.Addr `yaml:"address" jsonschema:"required"`
	// The TCP ports of the service.
	Ports []int `yaml:"ports" jsonschema:"required,minItems=1" want:"a list of TCP ports such as [443]"`
}

// Alerts is the list of recipients of alarms.
type Alerts struct {
	// E-mail addresses.
	Email []string `yaml:"email,omitempty" want:"a list of e-mail addresses such as [ci-oncall@example.com]"`
	// The https addresses to which the notification service posts alarms.
	Webhooks []string `yaml:"webhooks,omitempty" want:"a list of https addresses such as [https://hooks.example.com/alarms]"`
}

// Duration is a span of time, written as 10m or 1h30m.
type Duration time.Duration

// Size is a size in GiB, written as 200GiB or 2TiB.
type Size int64
