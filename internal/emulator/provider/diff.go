package provider

import (
	"context"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Diff compares old with new inputs. It reads the state only to see which values apply already.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	maps, err := unmarshalAll(firstNonEmpty(req.GetOldInputs(), req.GetOlds()), req.GetOlds(), req.GetNews())
	if err != nil {
		return nil, err
	}
	old, state, news := maps[0], maps[1], maps[2]
	out := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true,
		DetailedDiff: map[string]*pulumirpc.PropertyDiff{}}
	how := catalog.Comparison{Sets: k.Sets, Ordered: k.Ordered, CreateOnly: k.CreateOnly}
	for path, d := range spec.Diff(how, old, state, news) {
		out.Changes = pulumirpc.DiffResponse_DIFF_SOME
		out.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_Kind(d.Kind), InputDiff: d.InputDiff}
		out.Diffs = addRootProperty(out.Diffs, path)
		if d.Kind.IsReplace() {
			out.Replaces = addRootProperty(out.Replaces, path)
		}
	}
	out.DeleteBeforeReplace = len(out.Replaces) > 0 && keepsName(k, old, news)
	return out, nil
}

// addRootProperty adds the top-level property of a path to a sorted list.
func addRootProperty(list []string, path string) []string {
	root := path
	if parsed, err := resource.ParsePropertyPath(path); err == nil && len(parsed) > 0 {
		root, _ = parsed[0].(string)
	}
	if !slices.Contains(list, root) {
		list = append(list, root)
		slices.Sort(list)
	}
	return list
}

// keepsName reports whether a replacement would have the same fixed name as the resource that it replaces. Both cannot exist at the
// same time then.
func keepsName(k *cloud.Kind, old, news resource.PropertyMap) bool {
	name := resource.PropertyKey(k.NameProperty())
	if k.AutoNameLength == 0 || isDefaulted(news, k.NameProperty()) {
		return false
	}
	v, ok := news[name]
	return ok && catalog.Bare(old[name]).DeepEquals(catalog.Bare(v))
}
