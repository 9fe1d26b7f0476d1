package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// CheckConfig refuses unknown settings and missing ones.
func (p *provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshalProperties(req.GetNews())
	if err != nil {
		return nil, err
	}
	out := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	for _, key := range news.StableKeys() {
		if _, ok := p.Settings[string(key)]; !ok && !resource.IsInternalPropertyKey(key) {
			out.Failures = append(out.Failures, &pulumirpc.CheckFailure{
				Property: string(key), Reason: fmt.Sprintf("could not validate provider configuration: unknown property %s", key)})
		}
	}
	for _, name := range p.Required {
		if v := news[resource.PropertyKey(name)]; v.IsNull() || v.IsString() && v.StringValue() == "" {
			out.Failures = append(out.Failures, &pulumirpc.CheckFailure{
				Property: name, Reason: fmt.Sprintf("Missing %s configuration", name)})
		}
	}
	return out, nil
}

// DiffConfig replaces the provider, and all resources that it manages, when the provider moves to another region.
func (p *provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshalProperties(firstNonEmpty(req.GetOldInputs(), req.GetOlds()))
	if err != nil {
		return nil, err
	}
	news, err := unmarshalProperties(req.GetNews())
	if err != nil {
		return nil, err
	}
	out := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	diff := olds.Diff(news, resource.IsInternalPropertyKey)
	if diff == nil {
		return out, nil
	}
	for _, key := range diff.Keys() {
		if !diff.Changed(key) || key == "version" {
			continue
		}
		out.Changes = pulumirpc.DiffResponse_DIFF_SOME
		out.Diffs = append(out.Diffs, string(key))
		if slices.Contains(p.Replacing, string(key)) {
			out.Replaces = append(out.Replaces, string(key))
		}
	}
	slices.Sort(out.Diffs)
	return out, nil
}

// Configure stores where the provider of this connection works. One server serves all providers of a run, for several regions too, and
// only the connection distinguishes them.
func (p *provider) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	args, err := unmarshalProperties(req.GetArgs())
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	for key, v := range args {
		settings[string(key)] = p.decodeSetting(string(key), cloud.PlainValue(v))
	}
	for _, name := range p.Required {
		if cloud.Text(settings[name]) == "" {
			return nil, status.Errorf(codes.InvalidArgument, "Missing %s configuration", name)
		}
	}
	where, err := p.Locate(p.cloud, settings)
	if err != nil {
		return nil, statusOf(err)
	}
	p.storeConfig(ctx, &configuration{Scope: where, tags: p.DefaultTags(settings), queue: cloud.NewQueue()})
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets: true, SupportsPreview: true, AcceptOutputs: true, SupportsAutonamingConfiguration: true,
	}, nil
}

// decodeSetting decodes the lists, objects and truth values that the engine passes as JSON in a string.
func (p *provider) decodeSetting(name string, v any) any {
	text, isString := v.(string)
	if !isString || !p.Settings[name] {
		return v
	}
	var decoded any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		return v
	}
	return decoded
}
