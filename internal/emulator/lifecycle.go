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
	k, spec, err := p.kind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		props, err := marshal(foresee(k, spec, nil, inputs))
		return &pulumirpc.CreateResponse{Properties: props}, err
	}
	out, err := p.act(ctx, k, "create", "", req.GetUrn(), func(c *call) error { return c.makeNew(plainMap(inputs), req.GetUrn()) })
	if err != nil {
		return nil, err
	}
	props, err := marshal(tell(k, spec, out.outputs, inputs))
	if err != nil {
		return nil, err
	}
	if out.failed != nil {
		return nil, unfinished(out, &pulumirpc.ErrorResourceInitFailed{Id: out.rec.ID, Properties: props, Inputs: req.GetProperties()})
	}
	return &pulumirpc.CreateResponse{Id: out.rec.ID, Properties: props}, nil
}

// Update changes a resource in place.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, spec, err := p.kind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	maps, err := unmarshalAll(req.GetOlds(), req.GetNews())
	if err != nil {
		return nil, err
	}
	olds, news := maps[0], maps[1]
	if req.GetPreview() {
		props, err := marshal(foresee(k, spec, olds, news))
		return &pulumirpc.UpdateResponse{Properties: props}, err
	}
	out, err := p.act(ctx, k, "update", req.GetId(), req.GetUrn(), func(c *call) error {
		return c.change(spec, req.GetId(), plainMap(news), req.GetUrn())
	})
	if err != nil {
		return nil, err
	}
	props, err := marshal(tell(k, spec, out.outputs, news))
	if err != nil {
		return nil, err
	}
	if out.failed != nil {
		return nil, unfinished(out, &pulumirpc.ErrorResourceInitFailed{Id: out.rec.ID, Properties: props, Inputs: req.GetNews()})
	}
	return &pulumirpc.UpdateResponse{Properties: props}, nil
}

// Delete removes a resource. Deleting what is gone succeeds, as with the real provider.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, _, err := p.kind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	_, err = p.act(ctx, k, "delete", req.GetId(), req.GetUrn(), func(c *call) error { return c.destroy(req.GetId()) })
	return &emptypb.Empty{}, err
}

// Read tells what a resource is now; an empty id when it is gone. With nothing but an id it finds things to import.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	k, spec, err := p.kind(req.GetUrn())
	if err != nil {
		return nil, err
	}
	conf, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	out, err := p.cloud.read(ctx, &request{scope: conf.scope, kind: k, op: "read", id: req.GetId(), urn: req.GetUrn()})
	if err != nil {
		return nil, asStatus(err)
	}
	if out == nil {
		return &pulumirpc.ReadResponse{}, nil
	}
	known, err := unmarshal(req.GetInputs())
	if err != nil {
		return nil, err
	}
	inputs := tell(k, spec, copied(out.rec.Inputs), known)
	if d, ok := known[defaulted]; ok {
		inputs[defaulted] = d
	}
	in, err := marshal(inputs)
	if err != nil {
		return nil, err
	}
	props, err := marshal(tell(k, spec, out.outputs, known))
	return &pulumirpc.ReadResponse{Id: out.rec.ID, Inputs: in, Properties: props}, err
}

// act has the cloud do something, until it is done, the caller gives up, or the server closes.
func (p *provider) act(ctx context.Context, k *kind, op, id, urn string, run func(*call) error) (*reply, error) {
	conf, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conf.life, cancel)()
	out, err := p.cloud.do(ctx, &request{scope: conf.scope, tags: conf.tags, queue: conf.queue, kind: k, op: op, id: id, urn: urn, run: run})
	if err != nil {
		return nil, asStatus(err)
	}
	return out, nil
}

// unfinished says that a resource stands but is not what it should be; the engine keeps it and tries to update it the next time.
func unfinished(out *reply, detail *pulumirpc.ErrorResourceInitFailed) error {
	detail.Reasons = []string{out.failed.Error()}
	s, err := status.New(codes.Unknown, out.failed.Error()).WithDetails(detail)
	if err != nil {
		return errors.Join(out.failed, err)
	}
	return s.Err()
}

// foresee tells in a preview what a resource will be: its inputs, what it was, and unknown for what the cloud decides.
func foresee(k *kind, spec *catalog.Resource, olds, news resource.PropertyMap) resource.PropertyMap {
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
		for _, name := range k.volatile {
			out[resource.PropertyKey(name)] = unknown
		}
	}
	maps.Copy(out, news)
	delete(out, defaulted)
	if _, ok := out["tagsAll"]; ok {
		out["tagsAll"] = resource.NewProperty(resource.PropertyMap{})
		if tags, ok := news["tags"]; ok {
			out["tagsAll"] = tags
		}
	}
	return out
}

// makeNew creates the call's record from inputs.
func (c *call) makeNew(inputs map[string]any, urn string) error {
	id := ""
	if c.kind.prefix != "" {
		id = c.newID(c.kind.prefix)
	}
	c.rec = c.made(c.kind.typ, id, nil)
	c.rec.Inputs, c.rec.URN, c.rec.Managed = inputs, urn, true
	name := c.kind.naming()
	if prefix := c.rec.str(name + "Prefix"); prefix != "" && c.rec.str(name) == "" {
		c.rec.Outputs[name] = c.newID(strings.TrimSuffix(prefix, "-"))
	}
	if err := c.checkRefs(); err != nil {
		return err
	}
	if c.kind.create != nil {
		if err := c.kind.create(c); err != nil {
			return err
		}
	}
	c.set(c.rec)
	return nil
}

// change updates the record with an id. Inputs that the program no longer gives stay where the cloud would have chosen them, and where they
// were for the creation only and nothing reads them back: what is known of an imported thing lacks them, and the cloud's thing has them
// still.
func (c *call) change(spec *catalog.Resource, id string, inputs map[string]any, urn string) error {
	c.old = c.find(id, c.kind.typ)
	if c.old == nil {
		return refused("%s", notFound(c.kind, id))
	}
	c.rec = c.old.clone()
	c.rec.Inputs, c.rec.URN = inputs, urn
	for name, v := range c.old.Inputs {
		p := spec.Inputs[name]
		if _, ok := inputs[name]; !ok && (spec.OptionalComputed(name) || c.kind.createdWith(p, name) && slices.Contains(c.kind.unread, name)) {
			c.rec.Outputs[name] = v
		}
	}
	if err := c.checkFrozen(spec); err != nil {
		return err
	}
	if err := c.checkRefs(); err != nil {
		return err
	}
	if c.kind.update != nil {
		if err := c.kind.update(c); err != nil {
			return err
		}
	}
	c.set(c.rec)
	return nil
}

// checkFrozen refuses to change what can be set at creation only: the engine should have replaced the resource.
func (c *call) checkFrozen(spec *catalog.Resource) error {
	for name, p := range spec.Inputs {
		if c.kind.createdWith(p, name) && c.changed(name) {
			return refused("%s of %s can be set at creation only: replace it", name, c.rec.ID)
		}
	}
	return nil
}

// destroy removes what has an id, unless something uses it. What is gone already is no error and no operation.
func (c *call) destroy(id string) error {
	c.old = c.find(id, c.kind.typ)
	if c.old == nil {
		return nil
	}
	if c.kind.remove != nil {
		if err := c.kind.remove(c); err != nil {
			return err
		}
	}
	if c.kind.stays != nil && c.kind.stays(c.old) {
		left := c.old.clone()
		left.Managed, left.URN = false, ""
		c.set(left)
		return nil
	}
	if err := c.checkUnused(c.old); err != nil {
		return err
	}
	c.removeAll(c.old)
	return nil
}

func notFound(k *kind, id string) string {
	if k.missing == "" {
		return k.typ + " " + id + " does not exist"
	}
	return strings.ReplaceAll(k.missing, "%s", id)
}
