package emulator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// Lookup answers a function of a provider: it asks the cloud and changes nothing.
type Lookup struct {
	// Type is the resource type that it is about. Faults of this type apply to the look-up too.
	Type   string
	Answer func(c *Call, args map[string]any) (map[string]any, error)
}

// Invoke answers look-ups; those without rules are refused.
func (p *provider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, spec := p.Lookups[req.GetTok()], p.table.Functions[req.GetTok()]
	if f == nil || spec == nil {
		return nil, status.Errorf(codes.Unimplemented, "the emulator has no rules for the function %s", req.GetTok())
	}
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	args, err := unmarshalProperties(req.GetArgs())
	if err != nil {
		return nil, err
	}
	out := &pulumirpc.InvokeResponse{}
	for _, failure := range p.table.Check(&catalog.Resource{Inputs: spec.Inputs}, args) {
		out.Failures = append(out.Failures, &pulumirpc.CheckFailure{Property: failure.Property, Reason: failure.Reason})
	}
	if len(out.Failures) > 0 {
		return out, nil
	}
	answer, err := p.cloud.LookUp(ctx, conf.Scope, f, PlainMap(args))
	if err != nil {
		return nil, statusOf(fmt.Errorf("invoking %s: %w", req.GetTok(), err))
	}
	props := resource.NewPropertyMapFromMap(PlainMap(args)) // what was asked is part of the answer
	maps.Copy(props, resource.NewPropertyMapFromMap(answer))
	out.Return, err = marshalProperties(props)
	return out, err
}

// LookUp lets a look-up see the cloud. It never writes.
func (c *Cloud) LookUp(ctx context.Context, in Scope, f *Lookup, args map[string]any) (map[string]any, error) {
	hitch, err := c.faults.delayOf(&Request{Scope: in, Kind: c.KindOf(f.Type), Op: "read"})
	c.waitSeconds(ctx, time.Now(), hitch.seconds)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	err = c.withLock(func() error {
		var err error
		answer, err = f.Answer(&Call{State: c.state, cloud: c, Scope: in, Kind: c.KindOf(f.Type)}, args)
		return err
	})
	return answer, err
}

// matchRecords lists the records of some types in the call's region that have all the tags and pass all the filters of a look-up.
// The values that filters compare are given by name; tags are known without being given.
func matchRecords(c *Call, args map[string]any, types []string, values func(*Record) map[string]string) ([]*Record, error) {
	var list []*Record
	for _, typ := range types {
		for _, r := range c.ListHere(typ) {
			ok, err := matchesFilters(args, tagsOf(r), values(r))
			if err != nil {
				return nil, err
			}
			if ok {
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// matchesFilters says whether something with tags and values is what a look-up asks for.
func matchesFilters(args map[string]any, tags, values map[string]string) (bool, error) {
	for name, want := range Object(args["tags"]) {
		if got, ok := tags[name]; !ok || got != Text(want) {
			return false, nil
		}
	}
	for _, filter := range Objects(args["filters"]) {
		got, err := filterValues(Text(filter["name"]), tags, values)
		if err != nil {
			return false, err
		}
		want := Texts(filter["values"])
		if !slices.ContainsFunc(got, func(v string) bool { return matchesAny(want, v) }) {
			return false, nil
		}
	}
	return true, nil
}

// sortNewestFirst sorts records by the time when they were made, newest first. Ids break ties: they count upwards.
func sortNewestFirst(list []*Record, born string) []*Record {
	slices.SortFunc(list, func(a, b *Record) int {
		return slices.Compare([]string{Text(b.Extra[born]), b.ID}, []string{Text(a.Extra[born]), a.ID})
	})
	return list
}

// requireSingle is the one match of a look-up that wants one: none and too many are errors, as with the real provider.
func requireSingle(list []*Record, args map[string]any) (*Record, error) {
	switch {
	case len(list) == 0:
		return nil, Refuse("Your query returned no results. Please change your search criteria and try again.")
	case len(list) > 1 && !Bool(args["mostRecent"]):
		return nil, Refuse("Your query returned more than one result. Please try a more specific search criteria, or set `most_recent` attribute to true.")
	}
	return list[0], nil
}
