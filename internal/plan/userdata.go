package plan

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/spec"
)

// UserDataLimit is the maximum size of user data in bytes, before encoding. Source: Amazon EC2 user guide, "Run commands when
// you launch an EC2 instance". Refused: compression. Operators read the user data in the console when a machine does not come
// up.
const UserDataLimit = 16 << 10

// AgentDigests are the SHA-256 digests of the node agent's binaries, in hexadecimal, by architecture.
type AgentDigests map[regionfile.Arch]string

// agentBinaries are the file names of the agent's binaries, by architecture. They use Go's names of the architectures.
var agentBinaries = map[regionfile.Arch]string{
	regionfile.ARM64: "beachhead-node-linux-arm64",
	regionfile.AMD64: "beachhead-node-linux-amd64",
}

// AgentKey returns the key of the agent's object in the region's bucket. It contains the digest, so a new build never
// overwrites a build that running machines may still download.
func AgentKey(arch regionfile.Arch, sum string) string {
	return "agent/" + sum + "/" + agentBinaries[arch]
}

// The names that machines use for metrics and hooks. The namespace and the hooks must match components/fleet and
// components/cache, and the dimensions must match components/watch.
const (
	metricNamespace = "Beachhead"
	fleetDimension  = "Fleet"
	shardDimension  = "Shard"
	natDimension    = "NATInstance"
	readyHook       = "ready"
	drainHook       = "drain"
)

//go:embed userdata.sh
var userDataText string

var userDataTemplate = template.Must(template.New("userdata.sh").Option("missingkey=error").Parse(userDataText))

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// FleetUserData returns the user data of the fleet's machines, which they run at their first boot. It returns an error if
// agent has no digest for the fleet's architecture, or if the text exceeds UserDataLimit.
func (p *Plan) FleetUserData(f Fleet, agent AgentDigests) (string, error) {
	d := p.newDescription(spec.RunnerRole, fleetDimension, f.Path)
	d.Runner = &spec.Runner{Fleet: f.Name, Path: f.Path, Agent: spec.Agent{
		Kind: string(f.Agent.Kind), URL: f.Agent.URL, Tags: f.Agent.Tags, Concurrency: f.Agent.Concurrency,
		TokenParameter: f.Agent.TokenParameter, Commands: (*spec.Commands)(f.Agent.Commands),
	}, RegistryMirror: f.RegistryMirror, Services: p.Services}
	if f.Cache && p.Cache != nil {
		d.Runner.MapParameter = p.Cache.MapParameter
	}
	text, err := p.renderUserData(d, f.Arch, agent)
	if err != nil {
		return "", fmt.Errorf("user data of fleet %s: %w", f.Name, err)
	}
	if len(text) > UserDataLimit {
		return "", fmt.Errorf("user data of fleet %s: %d bytes, and EC2 takes %d; shorten runners.%s.agent by %d bytes: let the commands fetch "+
			"a script, or use fewer tags or gcp.services", f.Name, len(text), UserDataLimit, f.Name, len(text)-UserDataLimit)
	}
	return text, nil
}

// ShardUserData returns the user data of the shard's server. It returns an error if the region has no cache, if agent has no
// digest for its architecture, or if the text exceeds UserDataLimit.
func (p *Plan) ShardUserData(s Shard, agent AgentDigests) (string, error) {
	if p.Cache == nil {
		return "", fmt.Errorf("user data of %s: the region has no cache; want a section cache", s.Name)
	}
	d := p.newDescription(spec.CacheRole, shardDimension, s.Name)
	d.Cache = &spec.Cache{
		Shard: s.Name, Number: s.Number, Volume: s.Name, Interface: s.Name,
		Threads: p.Cache.Threads, Clients: p.nfsClients(), MapParameter: p.Cache.MapParameter,
	}
	text, err := p.renderUserData(d, p.Cache.Arch, agent)
	if err != nil {
		return "", fmt.Errorf("user data of %s: %w", s.Name, err)
	}
	if len(text) > UserDataLimit {
		return "", fmt.Errorf("user data of %s: %d bytes, and EC2 takes %d; want fewer aws.zones: the user data lists their ranges",
			s.Name, len(text), UserDataLimit)
	}
	return text, nil
}

// NATUserData returns the user data of a zone's NAT instance. It returns an error if the zone has no NAT instance, if agent
// has no digest for its architecture, or if the text exceeds UserDataLimit.
func (p *Plan) NATUserData(zone string, agent AgentDigests) (string, error) {
	i := slices.IndexFunc(p.Network.Zones, func(z Zone) bool { return z.Name == zone && z.NATInstance != nil })
	if i < 0 {
		return "", fmt.Errorf("user data of a NAT instance: zone %s has none; want a zone in aws.zones, and nat-instance "+
			"in network.egress or network.keep", zone)
	}
	instance := p.Network.Zones[i].NATInstance
	d := p.newDescription(spec.NATRole, natDimension, instance.Name)
	d.NAT = &spec.NAT{Name: instance.Name, Sources: []netip.Prefix{p.Network.CIDR}}
	text, err := p.renderUserData(d, natInstanceArch, agent)
	if err != nil {
		return "", fmt.Errorf("user data of %s: %w", instance.Name, err)
	}
	if len(text) > UserDataLimit {
		return "", fmt.Errorf("user data of %s: %d bytes, and EC2 takes %d; want a shorter name for the region file", instance.Name, len(text),
			UserDataLimit)
	}
	return text, nil
}

// nfsClients returns the ranges to which cache servers export: the runners' ranges and their own, because the server of a new
// shard copies from other servers.
func (p *Plan) nfsClients() []netip.Prefix {
	ranges := slices.Clone(p.Cache.Clients)
	for _, r := range p.Cache.Reserved {
		for _, z := range p.Network.Zones {
			if z.Name == r.Zone {
				ranges = append(ranges, z.Subnets[CacheTier])
			}
		}
	}
	return ranges
}

func (p *Plan) newDescription(role spec.Role, dimension, value string) spec.Description {
	return spec.Description{
		Version: spec.Version, Role: role, Stack: p.Name, Region: p.Region,
		Metrics: spec.Metrics{Namespace: metricNamespace, Dimensions: map[string]string{dimension: value}},
		Hooks:   spec.Hooks{Ready: readyHook, Drain: drainHook}, AptMirror: p.Network.AptMirror,
	}
}

// renderUserData fills in the template of the script and wraps it.
func (p *Plan) renderUserData(d spec.Description, arch regionfile.Arch, agent AgentDigests) (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	sum := agent[arch]
	if agentBinaries[arch] == "" || !digestPattern.MatchString(sum) {
		return "", fmt.Errorf("%q is not the digest of an agent for %s; want the SHA-256 of its build in hexadecimal", sum, arch)
	}
	var description, text strings.Builder
	encoder := json.NewEncoder(&description)
	encoder.SetEscapeHTML(false) // commands contain many & and >, and each would take six bytes
	if err := encoder.Encode(d); err != nil {
		return "", fmt.Errorf("writing the description: %w", err)
	}
	if err := userDataTemplate.Execute(&text, map[string]string{
		"Description": description.String(), "Region": p.Region, "Bucket": p.Bucket, "Key": AgentKey(arch, sum), "Sum": sum,
	}); err != nil {
		return "", err
	}
	return wrapCloudConfig(text.String())
}

// wrapCloudConfig returns a cloud-config that runs a script once, as the last step. cloud-init would run a bare script in the
// same way, but its own check (`cloud-init schema`) reports a bare script as an error.
func wrapCloudConfig(script string) (string, error) {
	var text strings.Builder
	text.WriteString("#cloud-config\n")
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(1) // people read the text, and each line of the script has this indentation
	err := encoder.Encode(struct {
		Run [][]string `yaml:"runcmd"`
	}{[][]string{{"sh", "-c", script}}})
	if err := errors.Join(err, encoder.Close()); err != nil {
		return "", fmt.Errorf("writing user data: %w", err)
	}
	return text.String(), nil
}

// checkUserData renders the user data of every machine with placeholder digests of the same length. Beachhead must report
// user data that is too large when it reads the region file, not when it launches a machine.
func (p *Plan) checkUserData() error {
	placeholder := AgentDigests{}
	for arch := range maps.Keys(agentBinaries) {
		placeholder[arch] = strings.Repeat("0", 64)
	}
	for _, f := range p.Fleets {
		if _, err := p.FleetUserData(f, placeholder); err != nil {
			return err
		}
	}
	for _, z := range p.Network.Zones {
		if z.NATInstance == nil {
			continue
		}
		if _, err := p.NATUserData(z.Name, placeholder); err != nil {
			return err
		}
	}
	if p.Cache == nil {
		return nil
	}
	for _, s := range p.Cache.Shards {
		if _, err := p.ShardUserData(s, placeholder); err != nil {
			return err
		}
	}
	return nil
}
