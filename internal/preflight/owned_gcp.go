package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/smithy-go"
	"golang.org/x/oauth2/google"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// linkRoles are what the names of the link's things have behind the stack's, by type; the link's component gives them. By the role, the
// stack us does not take what is named beachhead-us-west-1-tunnel-0 for its own.
var linkRoles = map[string]string{
	"gcp:compute/externalVpnGateway:ExternalVpnGateway": "aws",
	"gcp:compute/firewall:Firewall":                     "service",
	"gcp:compute/haVpnGateway:HaVpnGateway":             "gateway",
	"gcp:compute/router:Router":                         "router",
	"gcp:compute/routerInterface:RouterInterface":       "interface",
	"gcp:compute/routerPeer:RouterPeer":                 "peer",
	"gcp:compute/vPNTunnel:VPNTunnel":                   "tunnel",
}

// IsLinkName says whether a thing of the given Pulumi type is one of the stack's link, by its name in GCP. Names that are too long for GCP
// lose their end only, and a stack's is too short for that to reach the role.
func IsLinkName(typ, stack, name string) bool {
	role, ofLink := linkRoles[typ]
	rest, ours := strings.CutPrefix(name, linkNames(stack))
	return ofLink && ours && (rest == role || strings.HasPrefix(rest, role+"-"))
}

func linkNames(stack string) string { return "beachhead-" + stack + "-" }

// RuleDescription is how a stack's rule in somebody else's Cloud Armor policy is known: rules have no names.
func RuleDescription(stack string) string { return "Beachhead: runners of " + stack }

// GCP finds what stacks own in a project of GCP, read only, with the application default credentials. Things there have no tags and are
// known by their names, which are fixed: what a killed run made is in the way of the next one until it is taken up.
//
// It speaks plain HTTP: Google's client for Compute Engine takes 25 seconds to compile and 11 MB, for six calls.
type GCP struct {
	Project string
	// Region is the link's; empty: there is no link.
	Region string
	// Policy is the name of the Cloud Armor policy that has the stack's rule; empty: there is none.
	Policy string

	// client and root are for tests; nil and empty: with credentials, at Google.
	client *http.Client
	root   string
}

var _ engine.Inventory = GCP{}

// googleThing is what this needs of any of Compute Engine's things.
type googleThing struct {
	Name, Status         string
	Interfaces, BgpPeers []struct{ Name string }
}

// Owned gives the things of the stack's link and its rule. Errors are as those of an AWS account.
func (g GCP) Owned(ctx context.Context, stack string) ([]engine.Owned, error) {
	ctx, cancel := context.WithTimeout(ctx, inventoryPatience)
	defer cancel()
	if err := g.connect(ctx); err != nil {
		return nil, err
	}
	questions := g.questions(stack)
	owned, errs := make([][]engine.Owned, len(questions)), make([]error, len(questions))
	var asking sync.WaitGroup
	for i, ask := range questions {
		asking.Go(func() { owned[i], errs[i] = ask(ctx) })
	}
	asking.Wait()
	if err := refused(ctx, "GCP in "+g.Project, errs); err != nil {
		return nil, err
	}
	return slices.Concat(owned...), nil
}

func (g *GCP) connect(ctx context.Context) error {
	if g.root == "" {
		g.root = "https://compute.googleapis.com/compute/v1/"
	}
	if g.client != nil {
		return nil
	}
	var err error
	if g.client, err = google.DefaultClient(ctx, "https://www.googleapis.com/auth/compute.readonly"); err != nil {
		return fmt.Errorf("no credentials for GCP's project %s; run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS, then run again: %w",
			g.Project, err)
	}
	return nil
}

func (g GCP) questions(stack string) []func(context.Context) ([]engine.Owned, error) {
	var all []func(context.Context) ([]engine.Owned, error)
	if g.Region != "" {
		for typ, collection := range map[string]string{
			"gcp:compute/externalVpnGateway:ExternalVpnGateway": "global/externalVpnGateways",
			"gcp:compute/firewall:Firewall":                     "global/firewalls",
			"gcp:compute/haVpnGateway:HaVpnGateway":             "regions/" + g.Region + "/vpnGateways",
			"gcp:compute/router:Router":                         "regions/" + g.Region + "/routers",
			"gcp:compute/vPNTunnel:VPNTunnel":                   "regions/" + g.Region + "/vpnTunnels",
		} {
			all = append(all, func(ctx context.Context) ([]engine.Owned, error) { return g.list(ctx, typ, collection, stack) })
		}
	}
	if g.Policy != "" {
		all = append(all, func(ctx context.Context) ([]engine.Owned, error) { return g.rule(ctx, stack) })
	}
	return all
}

// list gives the stack's things in a collection, and with routers what is in them.
func (g GCP) list(ctx context.Context, typ, collection, stack string) ([]engine.Owned, error) {
	var owned []engine.Owned
	query := url.Values{"filter": {"name eq " + linkNames(stack) + ".*"}}
	for {
		var page struct {
			Items         []googleThing
			NextPageToken string
		}
		if err := g.get(ctx, collection, query, &page); err != nil {
			return nil, err
		}
		for _, thing := range page.Items {
			if IsLinkName(typ, stack, thing.Name) && thing.Status != "DEPROVISIONING" {
				id := "projects/" + g.Project + "/" + collection + "/" + thing.Name
				owned = append(owned, engine.Owned{Type: typ, Name: thing.Name, ID: id, ImportID: id, Inputs: map[string]any{"name": thing.Name}})
				owned = append(owned, g.inRouter(thing, id, stack)...)
			}
		}
		if page.NextPageToken == "" {
			return owned, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

// inRouter gives the stack's interfaces of a router, and its BGP sessions. The provider has ids of two kinds for them.
func (g GCP) inRouter(router googleThing, id, stack string) []engine.Owned {
	var owned []engine.Owned
	add := func(typ, name, id, importID string) {
		if IsLinkName(typ, stack, name) {
			owned = append(owned, engine.Owned{
				Type: typ, Name: name, ID: id, ImportID: importID, Inputs: map[string]any{"router": router.Name, "name": name},
			})
		}
	}
	for _, i := range router.Interfaces {
		short := g.Region + "/" + router.Name + "/" + i.Name
		add("gcp:compute/routerInterface:RouterInterface", i.Name, short, g.Project+"/"+short)
	}
	for _, p := range router.BgpPeers {
		add("gcp:compute/routerPeer:RouterPeer", p.Name, id+"/"+p.Name, id+"/"+p.Name)
	}
	return owned
}

// rule gives the stack's rule of the policy. A policy that is not there has none, and whoever makes the rule says so.
func (g GCP) rule(ctx context.Context, stack string) ([]engine.Owned, error) {
	var policy struct {
		Rules []struct {
			Description string
			Priority    int
		}
	}
	path := "global/securityPolicies/" + g.Policy
	err := g.get(ctx, path, nil, &policy)
	if isMissing(err) {
		return nil, nil
	}
	var owned []engine.Owned
	for _, r := range policy.Rules {
		if r.Description == RuleDescription(stack) {
			id := fmt.Sprintf("projects/%s/%s/priority/%d", g.Project, path, r.Priority)
			owned = append(owned, engine.Owned{
				Type: "gcp:compute/securityPolicyRule:SecurityPolicyRule", ID: id, ImportID: id,
				Inputs: map[string]any{"securityPolicy": g.Policy, "priority": r.Priority},
			})
		}
	}
	return owned, err
}

func (g GCP) get(ctx context.Context, path string, query url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.root+"projects/"+g.Project+"/"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	answer, err := g.client.Do(request)
	if err != nil {
		return &googleError{about: path, reason: cause(err), err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusOK {
		return json.NewDecoder(answer.Body).Decode(into)
	}
	refusal := &googleError{about: path, reason: answer.Status}
	var said struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err == nil && len(said.Error.Errors) > 0 {
		refusal.reason, refusal.message = said.Error.Errors[0].Reason, said.Error.Message
	}
	return refusal
}

// googleError is what Compute Engine answers instead of what was asked for. It has the methods of the errors of AWS's SDK, so that both
// are told alike.
type googleError struct {
	// about is the path that was asked for, below the project.
	about           string
	reason, message string
	err             error
}

var _ smithy.APIError = (*googleError)(nil)

func (e *googleError) Error() string                 { return e.permission() + ": " + e.reason + ": " + e.message }
func (e *googleError) Unwrap() error                 { return e.err }
func (e *googleError) ErrorCode() string             { return e.reason }
func (e *googleError) ErrorMessage() string          { return e.message }
func (e *googleError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// permission is the IAM permission that the question needs.
func (e *googleError) permission() string {
	steps := strings.Split(e.about, "/")
	if last := len(steps) - 1; steps[last-1] != "securityPolicies" {
		return "compute." + steps[last] + ".list"
	}
	return "compute.securityPolicies.get"
}
