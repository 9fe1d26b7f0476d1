// Package gcp queries Google Cloud, read only: what a stack owns in a project.
package gcp

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// Inventory finds what stacks own in a project of GCP, read only, with the application default credentials. Resources there have no tags;
// their names, which the program fixes, identify them. A resource that a killed run created blocks the next run until that run adopts it.
type Inventory struct {
	Project string
	// Region is the link's region. Empty: the stack has no link.
	Region string
	// Policy is the name of the Cloud Armor policy with the stack's rule. Empty: the stack has no such rule.
	Policy string

	// client and root are for tests. Nil: a client with the default credentials. Empty: Google's address.
	client *http.Client
	root   string
}

var _ inventory.Finder = Inventory{}

// FindOwned returns the resources of the stack's link, and its rule in the Cloud Armor policy. It returns an error that wraps
// clouds.ErrNotAllowed when permissions are missing.
func (v Inventory) FindOwned(ctx context.Context, stack string) ([]inventory.Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, clouds.SearchTimeout)
	defer cancel()
	if err := v.connect(ctx); err != nil {
		return nil, err
	}
	searches := v.searches(stack)
	owned, queries := make([][]inventory.Resource, len(searches)), make([]clouds.Query, len(searches))
	for i, search := range searches {
		queries[i] = func(ctx context.Context) (err error) {
			owned[i], err = search(ctx)
			return err
		}
	}
	if err := clouds.Summarize(ctx, "GCP in "+v.Project, explain(clouds.RunAll(ctx, queries))); err != nil {
		return nil, err
	}
	return slices.Concat(owned...), nil
}

type search func(context.Context) ([]inventory.Resource, error)

func (v Inventory) searches(stack string) []search {
	var all []search
	if v.Region != "" {
		for typ, collection := range map[string]string{
			restype.GCPExternalVPNGateway: "global/externalVpnGateways",
			restype.GCPFirewall:           "global/firewalls",
			restype.GCPVPNGateway:         "regions/" + v.Region + "/vpnGateways",
			restype.GCPRouter:             "regions/" + v.Region + "/routers",
			restype.GCPVPNTunnel:          "regions/" + v.Region + "/vpnTunnels",
		} {
			all = append(all, func(ctx context.Context) ([]inventory.Resource, error) {
				return v.searchCollection(ctx, typ, collection, stack)
			})
		}
	}
	if v.Policy != "" {
		all = append(all, func(ctx context.Context) ([]inventory.Resource, error) { return v.searchPolicy(ctx, stack) })
	}
	return all
}

// computeResource is what the search reads of any resource of Compute Engine.
type computeResource struct {
	Name, Status         string
	Interfaces, BgpPeers []struct{ Name string }
}

func (c computeResource) linkResource() inventory.LinkResource {
	r := inventory.LinkResource{Name: c.Name, Status: c.Status}
	for _, i := range c.Interfaces {
		r.Interfaces = append(r.Interfaces, i.Name)
	}
	for _, p := range c.BgpPeers {
		r.Peers = append(r.Peers, p.Name)
	}
	return r
}

// searchCollection returns the stack's resources in a collection, and in those of its routers.
func (v Inventory) searchCollection(ctx context.Context, typ, collection, stack string) ([]inventory.Resource, error) {
	var all []inventory.LinkResource
	query := url.Values{"filter": {"name eq " + inventory.LinkPrefix(stack) + ".*"}}
	for {
		var page struct {
			Items         []computeResource
			NextPageToken string
		}
		if err := v.get(ctx, collection, query, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			all = append(all, item.linkResource())
		}
		if page.NextPageToken == "" {
			place := inventory.LinkPlace{Project: v.Project, Region: v.Region}
			return place.OwnedIn(collection, typ, stack, all), nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

// searchPolicy returns the stack's rule of the policy. A policy that does not exist has none; the run that creates the rule reports that.
func (v Inventory) searchPolicy(ctx context.Context, stack string) ([]inventory.Resource, error) {
	var policy struct{ Rules []inventory.PolicyRule }
	err := v.get(ctx, "global/securityPolicies/"+v.Policy, nil, &policy)
	if isNotFound(err) {
		return nil, nil
	}
	return inventory.OwnedRules(v.Project, v.Policy, stack, policy.Rules), err
}
