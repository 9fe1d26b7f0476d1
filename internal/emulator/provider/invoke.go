package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Invoke answers look-ups. It refuses those without rules.
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
	answer, err := p.cloud.LookUp(ctx, conf.Scope, f, cloud.PlainMap(args))
	if err != nil {
		return nil, statusOf(fmt.Errorf("invoking %s: %w", req.GetTok(), err))
	}
	props := resource.NewPropertyMapFromMap(cloud.PlainMap(args)) // the answer contains the arguments
	maps.Copy(props, resource.NewPropertyMapFromMap(answer))
	out.Return, err = marshalProperties(props)
	return out, err
}
