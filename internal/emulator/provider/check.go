package provider

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Check completes and validates inputs; see inputs.go.
func (p *provider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds, err := unmarshalProperties(req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := unmarshalProperties(req.GetNews())
	if err != nil {
		return nil, err
	}
	if err := completeInputs(k, spec, conf.tags, olds, news, req); err != nil {
		return nil, statusOf(err)
	}
	out := &pulumirpc.CheckResponse{}
	failures := p.table.Check(spec, news)
	if len(failures) == 0 { // the other rules take the types for granted
		failures = validateInputs(k, news)
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, &pulumirpc.CheckFailure{Property: f.Property, Reason: f.Reason})
	}
	out.Inputs, err = marshalProperties(news)
	return out, err
}
