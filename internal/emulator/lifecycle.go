package emulator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// Create makes a resource; in a preview it says what is known of it.
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
	out, err := p.runOperation(ctx, k, "create", "", req.GetUrn(), func(c *Call) error { return c.Create(PlainMap(inputs), req.GetUrn()) })
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
	out, err := p.runOperation(ctx, k, "update", req.GetId(), req.GetUrn(), func(c *Call) error {
		return c.Update(spec, req.GetId(), PlainMap(news), req.GetUrn())
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

// Delete removes a resource. Deleting what is gone succeeds, as with the real provider.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, _, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	_, err = p.runOperation(ctx, k, "delete", req.GetId(), req.GetUrn(), func(c *Call) error { return c.Delete(req.GetId()) })
	return &emptypb.Empty{}, err
}

// Read tells what a resource is now; an empty id when it is gone. With nothing but an id it finds things to import.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	k, spec, err := p.findKind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out, err := p.cloud.ReadRecord(ctx, &Request{Scope: conf.Scope, Kind: k, Op: "read", ID: req.GetId(), URN: req.GetUrn()})
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
	inputs := presentOutputs(k, spec, CopyMap(out.Record.Inputs), known)
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

// runOperation has the cloud do something, until it is done, the caller gives up, or the server closes.
func (p *provider) runOperation(ctx context.Context, k *Kind, op, id, urn string, run func(*Call) error) (*Reply, error) {
	conf, err := p.configOf(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conf.life, cancel)()
	out, err := p.cloud.Do(ctx, &Request{Scope: conf.Scope, Tags: conf.tags, Queue: conf.queue, Kind: k, Op: op, ID: id, URN: urn, Run: run})
	if err != nil {
		return nil, statusOf(err)
	}
	return out, nil
}

// initFailedError says that a resource stands but is not what it should be; the engine keeps it and tries to update it the next time.
func initFailedError(out *Reply, detail *pulumirpc.ErrorResourceInitFailed) error {
	detail.Reasons = []string{out.Failed.Error()}
	s, err := status.New(codes.Unknown, out.Failed.Error()).WithDetails(detail)
	if err != nil {
		return errors.Join(out.Failed, err)
	}
	return s.Err()
}

// previewOutputs tells in a preview what a resource will be: its inputs, what it was, and unknown for what the cloud decides.
func previewOutputs(k *Kind, spec *catalog.Resource, olds, news resource.PropertyMap) resource.PropertyMap {
	out := resource.PropertyMap{}
	unknown := resource.MakeComputed(resource.NewProperty(""))
	for _, name := range slices.Concat(spec.Computed, spec.AlwaysSet) {
		out[resource.PropertyKey(name)] = unknown
	}
	for key, v := range olds {
		_, input := spec.Inputs[string(key)]
		if !input || spec.OptionalComputed(string(key)) {
			out[key] = v
		}
	}
	if olds != nil {
		for _, name := range k.Volatile {
			out[resource.PropertyKey(name)] = unknown
		}
	}
	maps.Copy(out, news)
	delete(out, defaultsKey)
	if _, ok := out["tagsAll"]; ok {
		out["tagsAll"] = resource.NewProperty(resource.PropertyMap{})
		if tags, ok := news["tags"]; ok {
			out["tagsAll"] = tags
		}
	}
	return out
}

// Create creates the call's record from inputs.
func (c *Call) Create(inputs map[string]any, urn string) error {
	id := ""
	if c.Kind.IDPrefix != "" {
		id = c.NewID(c.Kind.IDPrefix)
	}
	c.New = c.NewRecord(c.Kind.Type, id, nil)
	c.New.Inputs, c.New.URN, c.New.Managed = inputs, urn, true
	name := c.Kind.NameProperty()
	if prefix := c.New.Text(name + "Prefix"); prefix != "" && c.New.Text(name) == "" {
		c.New.Outputs[name] = c.NewID(strings.TrimSuffix(prefix, "-"))
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if c.Kind.Create != nil {
		if err := c.Kind.Create(c); err != nil {
			return err
		}
	}
	c.Store(c.New)
	return nil
}

// Update updates the record with an id. Inputs that the program no longer gives stay where the cloud would have chosen them, and where they
// were for the creation only and nothing reads them back: what is known of an imported thing lacks them, and the cloud's thing has them still.
func (c *Call) Update(spec *catalog.Resource, id string, inputs map[string]any, urn string) error {
	c.Old = c.Find(id, c.Kind.Type)
	if c.Old == nil {
		return Refuse("%s", notFoundText(c.Kind, id))
	}
	c.New = c.Old.Clone()
	c.New.Inputs, c.New.URN = inputs, urn
	for name, v := range c.Old.Inputs {
		p := spec.Inputs[name]
		if _, ok := inputs[name]; !ok && (spec.OptionalComputed(name) || c.Kind.IsCreateOnly(p, name) && slices.Contains(c.Kind.WriteOnly, name)) {
			c.New.Outputs[name] = v
		}
	}
	if err := c.checkCreateOnly(spec); err != nil {
		return err
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if c.Kind.Update != nil {
		if err := c.Kind.Update(c); err != nil {
			return err
		}
	}
	c.Store(c.New)
	return nil
}

// checkCreateOnly refuses to change what can be set at creation only: the engine should have replaced the resource.
func (c *Call) checkCreateOnly(spec *catalog.Resource) error {
	for name, p := range spec.Inputs {
		if c.Kind.IsCreateOnly(p, name) && c.HasChanged(name) {
			return Refuse("%s of %s can be set at creation only: replace it", name, c.New.ID)
		}
	}
	return nil
}

// Delete removes what has an id, unless something uses it. What is gone already is no error and no operation.
func (c *Call) Delete(id string) error {
	c.Old = c.Find(id, c.Kind.Type)
	if c.Old == nil {
		return nil
	}
	if c.Kind.Delete != nil {
		if err := c.Kind.Delete(c); err != nil {
			return err
		}
	}
	if c.Kind.Retain != nil && c.Kind.Retain(c.Old) {
		left := c.Old.Clone()
		left.Managed, left.URN = false, ""
		c.Store(left)
		return nil
	}
	if err := c.CheckUnused(c.Old); err != nil {
		return err
	}
	c.DropAll(c.Old)
	return nil
}

func notFoundText(k *Kind, id string) string {
	if k.Missing == "" {
		return k.Type + " " + id + " does not exist"
	}
	return strings.ReplaceAll(k.Missing, "%s", id)
}
