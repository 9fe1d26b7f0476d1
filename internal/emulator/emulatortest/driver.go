// Package emulatortest drives an emulated cloud in tests, as the Pulumi engine does: it checks, diffs and creates over a real connection.
package emulatortest

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

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/provider"
)

// Props are a resource's inputs in a test.
type Props map[string]any

// Unknown is a value that the engine does not know yet.
type Unknown struct{}

// Driver does what the engine does: it checks, diffs and creates through a real connection.
type Driver struct {
	T      testing.TB
	Cloud  *cloud.Cloud
	Dir    string // of the cloud
	Client pulumirpc.ResourceProviderClient
	seeds  atomic.Int64 // the engine's are new in every run
}

// Start starts a cloud with faults and a provider of us-west-1 that is connected to it.
func Start(t testing.TB, faults ...string) *Driver {
	t.Helper()
	return StartAt(t, t.TempDir(), faults...)
}

// StartAt does as Start, with a cloud whose journal is in dir. A test uses it to open the same cloud twice.
func StartAt(t testing.TB, dir string, faults ...string) *Driver {
	t.Helper()
	return StartWith(t, cloud.Options{Dir: dir, Faults: ParseFaults(t, faults...)})
}

// ParseFaults parses faults in the forms of cloud.ParseFault. It fails the test when one does not parse.
func ParseFaults(t testing.TB, faults ...string) []cloud.Fault {
	t.Helper()
	var list []cloud.Fault
	for _, s := range faults {
		f, err := cloud.ParseFault(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// StartWith starts a cloud with options and a provider of us-west-1 that is connected to it. Both end with the test.
func StartWith(t testing.TB, o cloud.Options) *Driver {
	t.Helper()
	c, err := emulator.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	server, err := provider.Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	d := &Driver{T: t, Cloud: c, Dir: o.Dir}
	d.Client = Connect(t, server)
	d.Configure(Props{"region": "us-west-1"})
	return d
}

// Connect connects to the AWS provider of a server.
func Connect(t testing.TB, server *provider.Server) pulumirpc.ResourceProviderClient {
	t.Helper()
	return ConnectTo(t, server, "aws")
}

// ConnectTo connects to the provider of a package.
func ConnectTo(t testing.TB, server *provider.Server, pkg string) pulumirpc.ResourceProviderClient {
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

// Elsewhere returns another provider of the same cloud, as an engine attaches it: over a connection of its own.
func (d *Driver) Elsewhere(config Props) *Driver {
	d.T.Helper()
	server, err := provider.Serve(d.Cloud)
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { _ = server.Close() })
	other := &Driver{T: d.T, Cloud: d.Cloud, Dir: d.Dir, Client: Connect(d.T, server)}
	other.Configure(config)
	return other
}

// Configure configures the provider and fails the test when it refuses.
func (d *Driver) Configure(config Props) {
	d.T.Helper()
	if err := d.TryConfigure(config); err != nil {
		d.T.Fatal(err)
	}
}

// TryConfigure configures the provider, or returns why it refused the configuration.
func (d *Driver) TryConfigure(config Props) error {
	_, err := d.Client.Configure(context.Background(), &pulumirpc.ConfigureRequest{Args: d.Pack(config)})
	return err
}

// Property converts Go values to properties, unknown values and secrets among them.
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

// Pack converts inputs to the form in which the engine sends them, unknown values and secrets included.
func (d *Driver) Pack(p Props) *structpb.Struct {
	d.T.Helper()
	s, err := plugin.MarshalProperties(Property(p).ObjectValue(), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		d.T.Fatal(err)
	}
	return s
}

// Unpack converts properties that the provider returned to plain JSON. It omits values that are not known yet.
func (d *Driver) Unpack(s *structpb.Struct) map[string]any {
	d.T.Helper()
	m, err := UnmarshalProperties(s)
	if err != nil {
		d.T.Fatal(err)
	}
	return cloud.PlainMap(m)
}

// URN returns the URN of a resource in the stack us-west-1.
func URN(typ, name string) string {
	return "urn:pulumi:us-west-1::beachhead::" + typ + "::" + name
}

// Check checks inputs and returns them as the provider completes them, or an error that lists all failures.
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

// TryCreate creates a resource, or returns why the cloud refused it.
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

// Create creates a resource and fails the test when the cloud refuses.
func (d *Driver) Create(typ, name string, p Props) *Handle {
	d.T.Helper()
	r, err := d.TryCreate(typ, name, p)
	if err != nil {
		d.T.Fatalf("%s %s: %v", typ, name, err)
	}
	return r
}

// Read reads something by id, as a refresh does with inputs, and as an import does without.
func (d *Driver) Read(typ, name, id string, inputs *structpb.Struct) *Handle {
	d.T.Helper()
	out, err := d.Client.Read(context.Background(), &pulumirpc.ReadRequest{Id: id, Urn: URN(typ, name), Inputs: inputs})
	if err != nil {
		d.T.Fatal(err)
	}
	return &Handle{Driver: d, Type: typ, ID: out.GetId(), Name: name, Inputs: out.GetInputs(), State: out.GetProperties()}
}

// RequireRefusal fails the test unless err is an error that contains some words.
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

// RequireCreateRefusal creates a resource that the cloud must refuse, and checks the error and that the journal did not change.
func (d *Driver) RequireCreateRefusal(typ string, p Props, words ...string) {
	d.T.Helper()
	before := d.Journal()
	_, err := d.TryCreate(typ, "refused", p)
	RequireRefusal(d.T, err, words...)
	if d.Journal() != before {
		d.T.Error("a refused call is in the journal")
	}
}

// Journal returns the text of the cloud's journal.
func (d *Driver) Journal() string {
	d.T.Helper()
	raw, err := os.ReadFile(filepath.Join(d.Dir, cloud.JournalName))
	if err != nil {
		d.T.Fatal(err)
	}
	return string(raw)
}

// Resources returns all resources in the cloud.
func (d *Driver) Resources() []cloud.Resource {
	d.T.Helper()
	list, err := d.Cloud.Resources()
	if err != nil {
		d.T.Fatal(err)
	}
	return list
}

// Operations returns all operations in the cloud's journal.
func (d *Driver) Operations() []cloud.Operation {
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

// PlainProps returns inputs as plain JSON, as the cloud stores them. It omits unknown values.
func PlainProps(p Props) map[string]any { return cloud.PlainMap(Property(p).ObjectValue()) }

// GCP returns a GCP provider on the same cloud, of the project backend and us-west2 by default.
func (d *Driver) GCP(configs ...Props) *Driver {
	d.T.Helper()
	server, err := provider.Serve(d.Cloud)
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { _ = server.Close() })
	g := &Driver{T: d.T, Cloud: d.Cloud, Dir: d.Dir, Client: ConnectTo(d.T, server, "gcp")}
	g.Configure(append(configs, Props{"project": "backend", "region": "us-west2"})[0])
	return g
}

// Machines returns the EC2 instances in the cloud.
func (d *Driver) Machines() []cloud.Resource {
	d.T.Helper()
	var list []cloud.Resource
	for _, r := range d.Resources() {
		if r.Type == aws.InstanceType {
			list = append(list, r)
		}
	}
	return list
}

// VPC creates a VPC with DNS names enabled.
func (d *Driver) VPC(cidr string) *Handle {
	d.T.Helper()
	return d.Create(aws.VPCType, "vpc-"+cidr, Props{"cidrBlock": cidr, "enableDnsHostnames": true})
}

// Subnet creates a subnet of a VPC.
func (d *Driver) Subnet(vpc *Handle, zone, cidr string) *Handle {
	d.T.Helper()
	return d.Create(aws.SubnetType, "subnet-"+cidr, Props{"vpcId": vpc.ID, "cidrBlock": cidr, "availabilityZone": zone})
}

// InternetGateway creates an internet gateway that is attached to a VPC.
func (d *Driver) InternetGateway(vpc *Handle) *Handle {
	d.T.Helper()
	return d.Create(aws.InternetGatewayType, "igw", Props{"vpcId": vpc.ID})
}

// EIP allocates an Elastic IP address.
func (d *Driver) EIP(name string) *Handle {
	d.T.Helper()
	return d.Create(aws.EIPType, name, Props{"domain": "vpc"})
}

// TryInvoke calls a function of the provider, such as aws:ec2/getSubnet:getSubnet, and returns its result or why it failed.
func (d *Driver) TryInvoke(tok string, args Props) (map[string]any, error) {
	d.T.Helper()
	out, err := d.Client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: tok, Args: d.Pack(args)})
	if err != nil {
		return nil, err
	}
	for _, f := range out.GetFailures() {
		return nil, cloud.Refuse("%s: %s", f.GetProperty(), f.GetReason())
	}
	return d.Unpack(out.GetReturn()), nil
}

// Invoke calls a function of the provider and fails the test when the call fails.
func (d *Driver) Invoke(tok string, args Props) map[string]any {
	d.T.Helper()
	out, err := d.TryInvoke(tok, args)
	if err != nil {
		d.T.Fatal(err)
	}
	return out
}
