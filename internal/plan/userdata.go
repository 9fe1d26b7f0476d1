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

// UserDataLimit is the most bytes of user data, before they are encoded. Source: Amazon EC2 user guide, "Run commands when you launch an
// EC2 instance". Compressing it was refused: people read it in the console when a machine does not come up.
const UserDataLimit = 16 << 10

// AgentDigests is the node agent's build: the SHA-256 of its binary, in hexadecimal, by architecture.
type AgentDigests map[regionfile.Arch]string

// agentBinaries are the names of the agent's binary, by architecture: Go's names for it.
var agentBinaries = map[regionfile.Arch]string{
	regionfile.ARM64: "beachhead-node-linux-arm64",
	regionfile.AMD64: "beachhead-node-linux-amd64",
}

// AgentKey is the key of an agent's object in the region's bucket. The digest is part of it, so a new build never takes the place of one
// that running machines may still fetch.
func AgentKey(arch regionfile.Arch, sum string) string {
	return "agent/" + sum + "/" + agentBinaries[arch]
}

// What machines publish and answer under: the namespace and the hooks are those of components/fleet and components/cache, the dimensions those
// that components/watch looks for.
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

// FleetUserData gives what a machine of the fleet runs at its first boot. It fails when the agent has no build for the fleet's
// architecture or the text is larger than UserDataLimit.
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

// ShardUserData gives what a server of the shard runs at its first boot. It fails when the region has no cache, the agent no build for its
// architecture, or the text is larger than UserDataLimit.
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

// NATUserData gives what the NAT instance of a zone runs at its first boot. It fails when the zone has none, the agent no build for its
// architecture, or the text is larger than UserDataLimit.
func (p *Plan) NATUserData(zone string, agent AgentDigests) (string, error) {
	i := slices.IndexFunc(p.Network.Zones, func(z Zone) bool { return z.Name == zone && z.NATInstance != nil })
	if i < 0 {
		return "", fmt.Errorf("user data of a NAT instance: zone %s has none; want a zone in aws.zones, and nat-instance in network.egress or network.keep", zone)
	}
	instance := p.Network.Zones[i].NATInstance
	d := p.newDescription(spec.NATRole, natDimension, instance.Name)
	d.NAT = &spec.NAT{Name: instance.Name, Sources: []netip.Prefix{p.Network.CIDR}}
	text, err := p.renderUserData(d, natInstanceArch, agent)
	if err != nil {
		return "", fmt.Errorf("user data of %s: %w", instance.Name, err)
	}
	if len(text) > UserDataLimit {
		return "", fmt.Errorf("user data of %s: %d bytes, and EC2 takes %d; want a shorter name for the region file", instance.Name, len(text), UserDataLimit)
	}
	return text, nil
}

// nfsClients are the ranges that cache servers export to: the runners', and their own, since a new shard's server copies from the old one's.
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

// renderUserData fills in the script.
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
	encoder.SetEscapeHTML(false) // commands are full of & and >, and each would take six bytes
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

// wrapCloudConfig wraps a script as a cloud-config that runs it once, last, as cloud-init does with a script that is user data by itself. Of a
// script alone, cloud-init's own check (`cloud-init schema`) says that it is an error.
func wrapCloudConfig(script string) (string, error) {
	var text strings.Builder
	text.WriteString("#cloud-config\n")
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(1) // people read it, and each line of the script pays for it
	err := encoder.Encode(struct {
		Run [][]string `yaml:"runcmd"`
	}{[][]string{{"sh", "-c", script}}})
	if err := errors.Join(err, encoder.Close()); err != nil {
		return "", fmt.Errorf("writing user data: %w", err)
	}
	return text.String(), nil
}

// checkUserData makes the user data of every machine, with a digest in place of the build's, which is as long: what is too large must be
// known when the file is read, not when a machine is made.
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
