// Package plan derives everything else from a region file: address plan, egress routes, runner fleets, cache shards and
// slots, tunnels of the link, names, user data and required quotas.
//
// The package is pure and deterministic. It uses no clock, no random numbers, no cloud and no Pulumi. The same Config always
// produces the same bytes of JSON. The golden plans compare these bytes, and verification derives its probes from the plan.
package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Plan is everything that a region consists of, in the order of the region file.
type Plan struct {
	// Name is the name of the region file and of the stack.
	Name    string             `json:"name"`
	Account string             `json:"account"`
	Region  string             `json:"region"`
	Posture regionfile.Posture `json:"posture"`
	// Bucket is the name of the region's S3 bucket. Machines download the node agent from it.
	Bucket string `json:"bucket"`
	// Tags are the user's tags and StackTag.
	Tags    map[string]string `json:"tags"`
	Network Network           `json:"network"`
	// Fleets are the runner fleets, sorted by name.
	Fleets []Fleet `json:"fleets"`
	// Cache and Link are nil in a region without them.
	Cache *Cache `json:"cache,omitempty"`
	Link  *Link  `json:"link,omitempty"`
	// Services are the backend services, sorted by name. A runner must reach them before it accepts jobs.
	Services []spec.Service `json:"services,omitempty"`
	// Admission is nil unless the region reaches the backend at public addresses that a policy protects.
	Admission *Admission `json:"admission,omitempty"`
	Alerts    Alerts     `json:"alerts"`
	Quotas    []Quota    `json:"quotas"`
}

// Alerts are the recipients of alarms.
type Alerts struct {
	// Email are e-mail addresses. Webhooks are https addresses that receive alarms by POST.
	Email    []string `json:"email,omitempty"`
	Webhooks []string `json:"webhooks,omitempty"`
}

// Admission is the rule that lets the region's egress addresses reach the backend's public addresses.
type Admission struct {
	Project string `json:"project"`
	// Policy is the name of the project's Cloud Armor policy. Priority is the priority of the region's rule in it.
	Policy   string `json:"policy"`
	Priority int    `json:"priority"`
}

// StackTag is the key of a tag on every resource of a region. Its value is the region's name. Together with the Name tag it
// identifies a resource that a killed run created and did not record.
const StackTag = "beachhead:stack"

// Build derives the plan of a region file that has its defaults and is valid. others are the project's other region files.
// Build needs them to find the regions that are seeded from this one and receive copies of its snapshots, so callers that
// declare resources must pass them. others may include c itself. Build returns an error for configs that Validate refuses,
// and for machines whose user data exceeds EC2's limit.
func Build(c *regionfile.Config, others ...*regionfile.Config) (*Plan, error) {
	network, err := buildNetwork(c)
	if err != nil {
		return nil, fmt.Errorf("planning the network of %s: %w", c.Name, err)
	}
	fleets, err := buildFleets(c, network)
	if err != nil {
		return nil, fmt.Errorf("planning the runners of %s: %w", c.Name, err)
	}
	cache, err := buildCache(c, network, others)
	if err != nil {
		return nil, fmt.Errorf("planning the cache of %s: %w", c.Name, err)
	}
	link, err := buildLink(c, network)
	if err != nil {
		return nil, fmt.Errorf("planning the link of %s: %w", c.Name, err)
	}
	tags := map[string]string{StackTag: c.Name}
	maps.Copy(tags, c.Tags)
	p := &Plan{
		Name: c.Name, Account: c.AWS.Account, Region: c.AWS.Region, Posture: c.Posture, Bucket: bucketName(c.Name, c.AWS.Account),
		Tags: tags, Network: network, Fleets: fleets, Cache: cache, Link: link, Services: planServices(c.GCP), Admission: planAdmission(c.GCP),
		Alerts: Alerts{Email: c.Alerts.Email, Webhooks: c.Alerts.Webhooks}, Quotas: listQuotas(network, fleets, cache),
	}
	if err := p.checkUserData(); err != nil {
		return nil, fmt.Errorf("planning the machines of %s: %w", c.Name, err)
	}
	return p, nil
}

// bucketName returns the name of a region's bucket. The account makes it globally unique. The name has at most 63 characters,
// S3's limit, because a region file's name has at most 32. The account comes last, because S3 reserves some endings, such as
// -s3alias, and a region file's name may have such an ending.
func bucketName(name, account string) string { return "beachhead-" + name + "-" + account }

// planAdmission plans the rule of a region whose backend names resolve to public addresses. A region on the private path
// needs no rule: its traffic uses the link, and the policy does not apply to it.
func planAdmission(g *regionfile.GCP) *Admission {
	if g == nil || g.SecurityPolicy == nil || g.Path != regionfile.PublicPath {
		return nil
	}
	return &Admission{Project: g.Project, Policy: g.SecurityPolicy.Name, Priority: g.SecurityPolicy.Priority}
}

// planServices lists the backend services, on the private and on the public path. A host whose connections hang, as in April
// 2022, must not become a runner.
func planServices(g *regionfile.GCP) []spec.Service {
	var list []spec.Service
	if g != nil {
		for _, s := range g.Services {
			list = append(list, spec.Service{Name: s.Name, Host: s.Host, Ports: slices.Sorted(slices.Values(s.Ports))})
		}
	}
	slices.SortFunc(list, func(a, b spec.Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// HasMachines reports whether the region has machines that run the node agent.
func (p *Plan) HasMachines() bool {
	return len(p.Fleets) > 0 || p.Cache != nil || slices.ContainsFunc(p.Network.Zones, func(z Zone) bool { return z.NATInstance != nil })
}

// SecretNames returns the names of the stack secrets that the region needs, sorted, each once. They contain the registration
// tokens of the fleets' CI agents.
func (p *Plan) SecretNames() []string {
	names := []string{}
	for _, f := range p.Fleets {
		if f.Agent.Secret != "" {
			names = append(names, f.Agent.Secret)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
