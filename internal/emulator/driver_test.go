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

// Props are a resource's inputs in a test.
type Props map[string]any

// Unknown is a value that the engine does not know yet.
type Unknown struct{}

// Driver does what the engine does: it checks, diffs and creates through a real connection.
type Driver struct {
	T      testing.TB
	Cloud  *Cloud
	Dir    string // of the cloud
	Client pulumirpc.ResourceProviderClient
	seeds  atomic.Int64 // the engine's are new in every run
}

// Start starts a cloud with faults and a provider of us-west-1 that is connected to it.
func Start(t testing.TB, faults ...string) *Driver {
	t.Helper()
	return StartAt(t, t.TempDir(), faults...)
}

func StartAt(t testing.TB, dir string, faults ...string) *Driver {
	t.Helper()
	return StartWith(t, Options{Dir: dir, Faults: ParseFaults(t, faults...)})
}

func ParseFaults(t testing.TB, faults ...string) []Fault {
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

func StartWith(t testing.TB, o Options) *Driver {
	t.Helper()
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	server, err := Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	d := &Driver{T: t, Cloud: c, Dir: o.Dir}
	d.Client = Connect(t, server)
	d.Configure(Props{"region": "us-west-1"})
	return d
}

func Connect(t testing.TB, server *Server) pulumirpc.ResourceProviderClient {
	t.Helper()
	return ConnectTo(t, server, "aws")
}

// ConnectTo connects to the provider of a package.
func ConnectTo(t testing.TB, server *Server, pkg string) pulumirpc.ResourceProviderClient {
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

// Elsewhere is another provider of the same cloud, as an engine attaches it: over a connection of its own.
func (d *Driver) Elsewhere(config Props) *Driver {
	d.T.Helper()
	server, err := Serve(d.Cloud)
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { _ = server.Close() })
	other := &Driver{T: d.T, Cloud: d.Cloud, Dir: d.Dir, Client: Connect(d.T, server)}
	other.Configure(config)
	return other
}

func (d *Driver) Configure(config Props) {
	d.T.Helper()
	if err := d.TryConfigure(config); err != nil {
		d.T.Fatal(err)
	}
}

func (d *Driver) TryConfigure(config Props) error {
	_, err := d.Client.Configure(context.Background(), &pulumirpc.ConfigureRequest{Args: d.Pack(config)})
	return err
}

// Property turns Go values into properties, unknown and secrets among them.
func Property(v any) resource.PropertyValue {
	switch v := v.(type) {
	case Unknown:
		return resource.MakeComputed(resource.NewProperty(""))
	case resource.PropertyValue:
		return v
	case Props:
		m := resource.PropertyMap{}
		for name, e := range v {
			m[resource.PropertyKey(name)] = Property(e)
		}
		return resource.NewProperty(m)
	case []any:
		list := make([]resource.PropertyValue, len(v))
		for i, e := range v {
			list[i] = Property(e)
		}
		return resource.NewProperty(list)
	}
	return resource.NewPropertyValue(v)
}

func (d *Driver) Pack(p Props) *structpb.Struct {
	d.T.Helper()
	s, err := plugin.MarshalProperties(Property(p).ObjectValue(), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		d.T.Fatal(err)
	}
	return s
}

func (d *Driver) Unpack(s *structpb.Struct) map[string]any {
	d.T.Helper()
	m, err := UnmarshalProperties(s)
	if err != nil {
		d.T.Fatal(err)
	}
	return PlainMap(m)
}

func URN(typ, name string) string {
	return "urn:pulumi:us-west-1::beachhead::" + typ + "::" + name
}

// Handle is a resource in a test's hands.
type Handle struct {
	Driver   *Driver
	Type, ID string
	Name     string
	Inputs   *structpb.Struct // as checked
	State    *structpb.Struct
}

// Output reads one of its outputs.
func (r *Handle) Output(name string) any { return r.Driver.Unpack(r.State)[name] }

func (d *Driver) Check(typ, name string, olds *structpb.Struct, p Props) (*structpb.Struct, error) {
	d.T.Helper()
	out, err := d.Client.Check(context.Background(), &pulumirpc.CheckRequest{
		Urn: URN(typ, name), Olds: olds, News: d.Pack(p), RandomSeed: fmt.Append(nil, d.seeds.Add(1))})
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

// TryCreate creates a resource, or tells why not.
func (d *Driver) TryCreate(typ, name string, p Props) (*Handle, error) {
	d.T.Helper()
	inputs, err := d.Check(typ, name, nil, p)
	if err != nil {
		return nil, err
	}
	out, err := d.Client.Create(context.Background(), &pulumirpc.CreateRequest{Urn: URN(typ, name), Properties: inputs})
	if err != nil {
		return nil, err
	}
	return &Handle{Driver: d, Type: typ, ID: out.GetId(), Name: name, Inputs: inputs, State: out.GetProperties()}, nil
}

func (d *Driver) Create(typ, name string, p Props) *Handle {
	d.T.Helper()
	r, err := d.TryCreate(typ, name, p)
	if err != nil {
		d.T.Fatalf("%s %s: %v", typ, name, err)
	}
	return r
}

// Diff asks what a change of inputs would mean.
func (r *Handle) Diff(p Props) *pulumirpc.DiffResponse {
	r.Driver.T.Helper()
	news, err := r.Driver.Check(r.Type, r.Name, r.Inputs, p)
	if err != nil {
		r.Driver.T.Fatal(err)
	}
	out, err := r.Driver.Client.Diff(context.Background(), &pulumirpc.DiffRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Olds: r.State, OldInputs: r.Inputs, News: news})
	if err != nil {
		r.Driver.T.Fatal(err)
	}
	return out
}

// TryUpdate changes a resource in place, as the engine does after a diff without replacement.
func (r *Handle) TryUpdate(p Props) error {
	r.Driver.T.Helper()
	news, err := r.Driver.Check(r.Type, r.Name, r.Inputs, p)
	if err != nil {
		return err
	}
	out, err := r.Driver.Client.Update(context.Background(), &pulumirpc.UpdateRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Olds: r.State, OldInputs: r.Inputs, News: news})
	if err != nil {
		return err
	}
	r.Inputs, r.State = news, out.GetProperties()
	return nil
}

func (r *Handle) Update(p Props) {
	r.Driver.T.Helper()
	if d := r.Diff(p); len(d.GetReplaces()) > 0 {
		r.Driver.T.Fatalf("%s would be replaced for %v", r.Name, d.GetReplaces())
	}
	if err := r.TryUpdate(p); err != nil {
		r.Driver.T.Fatal(err)
	}
}

func (r *Handle) TryDelete() error {
	_, err := r.Driver.Client.Delete(context.Background(), &pulumirpc.DeleteRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Properties: r.State, OldInputs: r.Inputs})
	return err
}

func (r *Handle) Delete() {
	r.Driver.T.Helper()
	if err := r.TryDelete(); err != nil {
		r.Driver.T.Fatalf("deleting %s: %v", r.Name, err)
	}
}

// Read reads something by id, as a refresh does when inputs are given and as an import does when not.
func (d *Driver) Read(typ, name, id string, inputs *structpb.Struct) *Handle {
	d.T.Helper()
	out, err := d.Client.Read(context.Background(), &pulumirpc.ReadRequest{Id: id, Urn: URN(typ, name), Inputs: inputs})
	if err != nil {
		d.T.Fatal(err)
	}
	return &Handle{Driver: d, Type: typ, ID: out.GetId(), Name: name, Inputs: out.GetInputs(), State: out.GetProperties()}
}

// RequireRefusal checks that an error is there and holds some words.
func RequireRefusal(t testing.TB, err error, words ...string) {
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

// RequireCreateRefusal tries to create something and checks the refusal, and that it left no trace.
func (d *Driver) RequireCreateRefusal(typ string, p Props, words ...string) {
	d.T.Helper()
	before := d.Journal()
	_, err := d.TryCreate(typ, "refused", p)
	RequireRefusal(d.T, err, words...)
	if d.Journal() != before {
		d.T.Error("a refused call is in the journal")
	}
}

func (d *Driver) Journal() string {
	d.T.Helper()
	raw, err := os.ReadFile(filepath.Join(d.Dir, JournalName))
	if err != nil {
		d.T.Fatal(err)
	}
	return string(raw)
}

func (d *Driver) Resources() []Resource {
	d.T.Helper()
	list, err := d.Cloud.Resources()
	if err != nil {
		d.T.Fatal(err)
	}
	return list
}

func (d *Driver) Operations() []Operation {
	d.T.Helper()
	list, err := d.Cloud.Operations()
	if err != nil {
		d.T.Fatal(err)
	}
	return list
}

// UnmarshalProperties reads properties as a provider returns them, unknown values and secrets among them.
func UnmarshalProperties(s *structpb.Struct) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipNulls: true})
}
