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

// lookup answers a function of a provider: it asks the cloud and changes nothing.
type lookup struct {
	kind   *kind // what it is about: faults of this type hit the look-up too
	answer func(c *call, args map[string]any) (map[string]any, error)
}

// lookups is filled by the files of the areas, by token.
var lookups = map[string]*lookup{}

// Invoke answers look-ups; those without rules are refused.
func (p *provider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, spec := lookups[req.GetTok()], p.table.Functions[req.GetTok()]
	if f == nil || spec == nil {
		return nil, status.Errorf(codes.Unimplemented, "the emulator has no rules for the function %s", req.GetTok())
	}
	conf, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	args, err := unmarshal(req.GetArgs())
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
	answer, err := p.cloud.ask(ctx, conf.scope, f, plainMap(args))
	if err != nil {
		return nil, asStatus(fmt.Errorf("invoking %s: %w", req.GetTok(), err))
	}
	props := resource.NewPropertyMapFromMap(plainMap(args)) // what was asked is part of the answer
	maps.Copy(props, resource.NewPropertyMapFromMap(answer))
	out.Return, err = marshal(props)
	return out, err
}

// ask lets a look-up see the cloud. It never writes.
func (c *Cloud) ask(ctx context.Context, in scope, f *lookup, args map[string]any) (map[string]any, error) {
	hitch, err := c.faults.before(&request{scope: in, kind: f.kind, op: "read"})
	c.wait(ctx, time.Now(), hitch.seconds)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	err = c.locked(func() error {
		var err error
		answer, err = f.answer(&call{st: c.state, cloud: c, scope: in, kind: f.kind}, args)
		return err
	})
	return answer, err
}

// matching lists the records of some types in the call's region that have all the tags and pass all the filters of a look-up.
// The values that filters compare are given by name; tags are known without being given.
func (c *call) matching(args map[string]any, types []string, values func(*record) map[string]string) ([]*record, error) {
	var list []*record
	for _, typ := range types {
		for _, r := range c.here(typ) {
			ok, err := passes(args, tagsOf(r), values(r))
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

// passes says whether something with tags and values is what a look-up asks for.
func passes(args map[string]any, tags, values map[string]string) (bool, error) {
	for name, want := range obj(args["tags"]) {
		if got, ok := tags[name]; !ok || got != str(want) {
			return false, nil
		}
	}
	for _, filter := range objs(args["filters"]) {
		got, err := filtered(str(filter["name"]), tags, values)
		if err != nil {
			return false, err
		}
		want := strs(filter["values"])
		if !slices.ContainsFunc(got, func(v string) bool { return matchesAny(want, v) }) {
			return false, nil
		}
	}
	return true, nil
}

// newest sorts records by the time when they were made, newest first. Ids break ties: they count upwards.
func newest(list []*record, born string) []*record {
	slices.SortFunc(list, func(a, b *record) int {
		return slices.Compare([]string{str(b.Extra[born]), b.ID}, []string{str(a.Extra[born]), a.ID})
	})
	return list
}

// single is the one match of a look-up that wants one: none and too many are errors, as with the real provider.
func single(list []*record, args map[string]any) (*record, error) {
	switch {
	case len(list) == 0:
		return nil, refused("Your query returned no results. Please change your search criteria and try again.")
	case len(list) > 1 && !flag(args["mostRecent"]):
		return nil, refused("Your query returned more than one result. Please try a more specific search criteria, or set `most_recent` attribute to true.")
	}
	return list[0], nil
}
