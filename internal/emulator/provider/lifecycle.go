package provider

import (
	"context"
	"errors"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Create creates a resource. In a preview it returns the outputs that are known.
func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshalProperties(req.GetProperties())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		props, err := marshalProperties(previewOutputs(k, spec, nil, inputs))
		return &pulumirpc.CreateResponse{Properties: props}, err
	}
	out, err := p.runOperation(ctx, k, "create", "", req.GetUrn(), func(c *cloud.Call) error {
		return c.Create(cloud.PlainMap(inputs),
			req.GetUrn())
	})
	if err != nil {
		return nil, err
	}
	props, err := marshalProperties(presentOutputs(k, spec, out.Outputs, inputs))
	if err != nil {
		return nil, err
	}
	if out.Failed != nil {
		return nil, initFailedError(out, &pulumirpc.ErrorResourceInitFailed{Id: out.Record.ID, Properties: props, Inputs: req.GetProperties()})
	}
	return &pulumirpc.CreateResponse{Id: out.Record.ID, Properties: props}, nil
}

// Update changes a resource in place.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	maps, err := unmarshalAll(req.GetOlds(), req.GetNews())
	if err != nil {
		return nil, err
	}
	olds, news := maps[0], maps[1]
	if req.GetPreview() {
		props, err := marshalProperties(previewOutputs(k, spec, olds, news))
		return &pulumirpc.UpdateResponse{Properties: props}, err
	}
	out, err := p.runOperation(ctx, k, "update", req.GetId(), req.GetUrn(), func(c *cloud.Call) error {
		return c.Update(spec, req.GetId(), cloud.PlainMap(news), req.GetUrn())
	})
	if err != nil {
		return nil, err
	}
	props, err := marshalProperties(presentOutputs(k, spec, out.Outputs, news))
	if err != nil {
		return nil, err
	}
	if out.Failed != nil {
		return nil, initFailedError(out, &pulumirpc.ErrorResourceInitFailed{Id: out.Record.ID, Properties: props, Inputs: req.GetNews()})
	}
	return &pulumirpc.UpdateResponse{Properties: props}, nil
}

// Delete removes a resource. To delete an absent resource succeeds, as with the real provider.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, _, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	_, err = p.runOperation(ctx, k, "delete", req.GetId(), req.GetUrn(), func(c *cloud.Call) error { return c.Delete(req.GetId()) })
	return &emptypb.Empty{}, err
}

// Read returns the current state of a resource, and an empty id when the resource does not exist. With only an id, it finds resources
// to import.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out, err := p.cloud.ReadRecord(ctx, &cloud.Request{Scope: conf.Scope, Kind: k, Op: "read", ID: req.GetId(), URN: req.GetUrn()})
	if err != nil {
		return nil, statusOf(err)
	}
	if out == nil {
		return &pulumirpc.ReadResponse{}, nil
	}
	known, err := unmarshalProperties(req.GetInputs())
	if err != nil {
		return nil, err
	}
	inputs := presentOutputs(k, spec, cloud.CopyMap(out.Record.Inputs), known)
	if d, ok := known[defaultsKey]; ok {
		inputs[defaultsKey] = d
	}
	in, err := marshalProperties(inputs)
	if err != nil {
		return nil, err
	}
	props, err := marshalProperties(presentOutputs(k, spec, out.Outputs, known))
	return &pulumirpc.ReadResponse{Id: out.Record.ID, Inputs: in, Properties: props}, err
}

// runOperation runs an operation on the cloud, until it is done, the caller gives up, or the server closes.
func (p *provider) runOperation(ctx context.Context, k *cloud.Kind, op, id, urn string, run func(*cloud.Call) error) (*cloud.Reply, error) {
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conf.life, cancel)()
	out, err := p.cloud.Do(ctx, &cloud.Request{Scope: conf.Scope, Tags: conf.tags, Queue: conf.queue, Kind: k, Op: op, ID: id, URN: urn,
		Run: run})
	if err != nil {
		return nil, statusOf(err)
	}
	return out, nil
}

// initFailedError reports that a resource exists but is not complete. The engine keeps it and tries to update it the next time.
func initFailedError(out *cloud.Reply, detail *pulumirpc.ErrorResourceInitFailed) error {
	detail.Reasons = []string{out.Failed.Error()}
	s, err := status.New(codes.Unknown, out.Failed.Error()).WithDetails(detail)
	if err != nil {
		return errors.Join(out.Failed, err)
	}
	return s.Err()
}
