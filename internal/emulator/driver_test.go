package emulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// props are a resource's inputs in a test.
type props map[string]any

// unknown is a value that the engine does not know yet.
type unknown struct{}

// driver does what the engine does: it checks, diffs and creates through a real connection.
type driver struct {
	t      testing.TB
	cloud  *Cloud
	client pulumirpc.ResourceProviderClient
	seeds  atomic.Int64 // the engine's are new in every run
}

// open starts a cloud with faults and a provider of us-west-1 that is connected to it.
func open(t testing.TB, faults ...string) *driver {
	t.Helper()
	return openAt(t, t.TempDir(), faults...)
}

func openAt(t testing.TB, dir string, faults ...string) *driver {
	t.Helper()
	return openWith(t, Options{Dir: dir, Faults: parsed(t, faults...)})
}

func parsed(t testing.TB, faults ...string) []Fault {
	t.Helper()
	var list []Fault
	for _, s := range faults {
		f, err := ParseFault(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func openWith(t testing.TB, o Options) *driver {
	t.Helper()
	cloud, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	server, err := Serve(cloud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	d := &driver{t: t, cloud: cloud}
	d.client = connect(t, server)
	d.configure(props{"region": "us-west-1"})
	return d
}

func connect(t testing.TB, server *Server) pulumirpc.ResourceProviderClient {
	t.Helper()
	return connectTo(t, server, "aws")
}

// connectTo connects to the provider of a package.
func connectTo(t testing.TB, server *Server, pkg string) pulumirpc.ResourceProviderClient {
	t.Helper()
	_, ports, _ := strings.Cut(server.Env()["PULUMI_DEBUG_PROVIDERS"], pkg+":")
	port, _, _ := strings.Cut(ports, ",")
	conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pulumirpc.NewResourceProviderClient(conn)
}

// elsewhere is another provider of the same cloud, as an engine attaches it: over a connection of its own.
func (d *driver) elsewhere(config props) *driver {
	d.t.Helper()
	server, err := Serve(d.cloud)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = server.Close() })
	other := &driver{t: d.t, cloud: d.cloud, client: connect(d.t, server)}
	other.configure(config)
	return other
}

func (d *driver) configure(config props) {
	d.t.Helper()
	if err := d.tryConfigure(config); err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) tryConfigure(config props) error {
	_, err := d.client.Configure(context.Background(), &pulumirpc.ConfigureRequest{Args: d.pack(config)})
	return err
}

// property turns Go values into properties, unknown and secrets among them.
func property(v any) resource.PropertyValue {
	switch v := v.(type) {
	case unknown:
		return resource.MakeComputed(resource.NewProperty(""))
	case resource.PropertyValue:
		return v
	case props:
		m := resource.PropertyMap{}
		for name, e := range v {
			m[resource.PropertyKey(name)] = property(e)
		}
		return resource.NewProperty(m)
	case []any:
		list := make([]resource.PropertyValue, len(v))
		for i, e := range v {
			list[i] = property(e)
		}
		return resource.NewProperty(list)
	}
	return resource.NewPropertyValue(v)
}

func (d *driver) pack(p props) *structpb.Struct {
	d.t.Helper()
	s, err := plugin.MarshalProperties(property(p).ObjectValue(), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *driver) unpack(s *structpb.Struct) map[string]any {
	d.t.Helper()
	m, err := unmarshalProperties(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return PlainMap(m)
}

func urn(typ, name string) string {
	return "urn:pulumi:us-west-1::beachhead::" + typ + "::" + name
}

// thing is a resource in a test's hands.
type thing struct {
	d       *driver
	typ, id string
	name    string
	inputs  *structpb.Struct // as checked
	state   *structpb.Struct
}

// out reads one of its outputs.
func (r *thing) out(name string) any { return r.d.unpack(r.state)[name] }

func (d *driver) check(typ, name string, olds *structpb.Struct, p props) (*structpb.Struct, error) {
	d.t.Helper()
	out, err := d.client.Check(context.Background(), &pulumirpc.CheckRequest{
		Urn: urn(typ, name), Olds: olds, News: d.pack(p), RandomSeed: fmt.Append(nil, d.seeds.Add(1))})
	if err != nil {
		return nil, err
	}
	if len(out.GetFailures()) > 0 {
		var all []string
		for _, f := range out.GetFailures() {
			all = append(all, f.GetProperty()+": "+f.GetReason())
		}
		return nil, fmt.Errorf("check: %s", strings.Join(all, "; "))
	}
	return out.GetInputs(), nil
}

// try creates a resource, or tells why not.
func (d *driver) try(typ, name string, p props) (*thing, error) {
	d.t.Helper()
	inputs, err := d.check(typ, name, nil, p)
	if err != nil {
		return nil, err
	}
	out, err := d.client.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn(typ, name), Properties: inputs})
	if err != nil {
		return nil, err
	}
	return &thing{d: d, typ: typ, id: out.GetId(), name: name, inputs: inputs, state: out.GetProperties()}, nil
}

func (d *driver) make(typ, name string, p props) *thing {
	d.t.Helper()
	r, err := d.try(typ, name, p)
	if err != nil {
		d.t.Fatalf("%s %s: %v", typ, name, err)
	}
	return r
}

// diff asks what a change of inputs would mean.
func (r *thing) diff(p props) *pulumirpc.DiffResponse {
	r.d.t.Helper()
	news, err := r.d.check(r.typ, r.name, r.inputs, p)
	if err != nil {
		r.d.t.Fatal(err)
	}
	out, err := r.d.client.Diff(context.Background(), &pulumirpc.DiffRequest{
		Id: r.id, Urn: urn(r.typ, r.name), Olds: r.state, OldInputs: r.inputs, News: news})
	if err != nil {
		r.d.t.Fatal(err)
	}
	return out
}

// tryUpdate changes a resource in place, as the engine does after a diff without replacement.
func (r *thing) tryUpdate(p props) error {
	r.d.t.Helper()
	news, err := r.d.check(r.typ, r.name, r.inputs, p)
	if err != nil {
		return err
	}
	out, err := r.d.client.Update(context.Background(), &pulumirpc.UpdateRequest{
		Id: r.id, Urn: urn(r.typ, r.name), Olds: r.state, OldInputs: r.inputs, News: news})
	if err != nil {
		return err
	}
	r.inputs, r.state = news, out.GetProperties()
	return nil
}

func (r *thing) update(p props) {
	r.d.t.Helper()
	if d := r.diff(p); len(d.GetReplaces()) > 0 {
		r.d.t.Fatalf("%s would be replaced for %v", r.name, d.GetReplaces())
	}
	if err := r.tryUpdate(p); err != nil {
		r.d.t.Fatal(err)
	}
}

func (r *thing) tryDelete() error {
	_, err := r.d.client.Delete(context.Background(), &pulumirpc.DeleteRequest{
		Id: r.id, Urn: urn(r.typ, r.name), Properties: r.state, OldInputs: r.inputs})
	return err
}

func (r *thing) delete() {
	r.d.t.Helper()
	if err := r.tryDelete(); err != nil {
		r.d.t.Fatalf("deleting %s: %v", r.name, err)
	}
}

// read reads something by id, as a refresh does when inputs are given and as an import does when not.
func (d *driver) read(typ, name, id string, inputs *structpb.Struct) *thing {
	d.t.Helper()
	out, err := d.client.Read(context.Background(), &pulumirpc.ReadRequest{Id: id, Urn: urn(typ, name), Inputs: inputs})
	if err != nil {
		d.t.Fatal(err)
	}
	return &thing{d: d, typ: typ, id: out.GetId(), name: name, inputs: out.GetInputs(), state: out.GetProperties()}
}

// refuses checks that an error is there and holds some words.
func refuses(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("nothing was refused; want %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

// refusesToMake tries to create something and checks the refusal, and that it left no trace.
func (d *driver) refusesToMake(typ string, p props, words ...string) {
	d.t.Helper()
	before := d.journal()
	_, err := d.try(typ, "refused", p)
	refuses(d.t, err, words...)
	if d.journal() != before {
		d.t.Error("a refused call is in the journal")
	}
}

func (d *driver) journal() string {
	d.t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.cloud.options.Dir, journalName))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(raw)
}

func (d *driver) resources() []Resource {
	d.t.Helper()
	list, err := d.cloud.Resources()
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func (d *driver) operations() []Operation {
	d.t.Helper()
	list, err := d.cloud.Operations()
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}
