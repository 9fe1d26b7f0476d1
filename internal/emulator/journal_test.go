package emulator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestTwoCloudsSeeEachOther(t *testing.T) {
	dir := t.TempDir()
	one, two := StartAt(t, dir), StartAt(t, dir)
	vpc := one.VPC("10.42.0.0/16")
	subnet := two.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	RequireRefusal(t, vpc.TryDelete(), subnet.ID)
	subnet.Delete()
	vpc.Delete()
	if left := two.Resources(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for i, op := range one.Operations() {
		if op.Seq != i+1 {
			t.Errorf("operation %d has number %d", i+1, op.Seq)
		}
	}
}

func TestJournalIsPrivate(t *testing.T) {
	d := Start(t)
	info, err := os.Stat(filepath.Join(d.Dir, JournalName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, JournalName), []byte("{}\nno\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: dir})
	RequireRefusal(t, err, JournalName+" is damaged at byte 3", "remove its directory")
}

func TestShrunkJournal(t *testing.T) {
	d := Start(t)
	d.VPC("10.0.0.0/16")
	if err := os.Truncate(filepath.Join(d.Dir, JournalName), 0); err != nil {
		t.Fatal(err)
	}
	_, err := d.Cloud.Resources()
	RequireRefusal(t, err, "has shrunk")
}

func TestReplay(t *testing.T) {
	d := Start(t)
	w := Everything(d)
	n := 0
	if err := d.Cloud.Replay(func(op Operation, after *State) error {
		n++
		if _, there := after.Get(op.ID); !there && op.Op == "create" {
			t.Errorf("%s is not there after its creation", op.ID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(d.Operations()) || n < len(w.Order) {
		t.Errorf("%d operations replayed", n)
	}
	stop := fmt.Errorf("stop")
	if err := d.Cloud.Replay(func(Operation, *State) error { return stop }); err != stop { //nolint:errorlint // the very error
		t.Errorf("the visit's error became %v", err)
	}
	if err := d.Cloud.View(func(s *State) error {
		if got := s.List(SubnetType); len(got) != 1 || got[0].ImportID != got[0].ID {
			t.Errorf("subnets: %v", got)
		}
		if r, _ := s.Get(w.Handles[RouteType].ID); r.ImportID != w.Handles[RouteTableType].ID+"_0.0.0.0/0" {
			t.Errorf("import id of the route: %s", r.ImportID)
		}
		if r, _ := s.Get(w.Handles[RouteTableAssociationType].ID); r.ImportID != w.Handles[SubnetType].ID+"/"+w.Handles[RouteTableType].ID {
			t.Errorf("import id of the association: %s", r.ImportID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestJournalIsTheState does things at random, refused ones among them, and reads the journal with new eyes: whole, and cut off
// at a byte of chance.
func TestJournalIsTheState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "cloud")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // temporary
		c, err := Open(Options{Dir: dir, Faults: ParseFaults(t, "no-capacity=us-west-1b")})
		if err != nil {
			rt.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // at the end
		states := []string{Dump(rt, StateOf(c))}
		m := &monkey{t: rt, cloud: c}
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			before := Dump(rt, StateOf(c))
			if m.act() {
				states = append(states, Dump(rt, StateOf(c)))
			} else if after := Dump(rt, StateOf(c)); after != before {
				rt.Fatalf("a refused call changed the state\nfrom %s\nto %s", before, after)
			}
		}
		requireReread(rt, dir, states[len(states)-1])
		path := filepath.Join(dir, JournalName)
		raw, err := os.ReadFile(path)
		if err != nil {
			rt.Fatal(err)
		}
		cut := rapid.IntRange(0, len(raw)).Draw(rt, "cut")
		if err := os.WriteFile(path, raw[:cut], 0o600); err != nil {
			rt.Fatal(err)
		}
		requireReread(rt, dir, states[bytes.Count(raw[:cut], []byte("\n"))])
		checkGoesOn(rt, dir)
	})
}

// checkGoesOn does more in a cloud whose last line was torn off, and reads it again.
func checkGoesOn(t *rapid.T, dir string) {
	c, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read again below
	m := &monkey{t: t, cloud: c}
	m.act()
	requireReread(t, dir, Dump(t, StateOf(c)))
}

// A call that touches a thing twice and is refused then leaves it as it was.
func TestRollBack(t *testing.T) {
	d := Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	d.InternetGateway(vpc)
	table := d.Create(RouteTableType, "table", Props{"vpcId": vpc.ID})
	nat := d.Create(NATGatewayType, "nat", Props{"subnetId": subnet.ID, "allocationId": d.EIP("nat").ID})
	route := d.Create(RouteType, "r", Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat.ID})
	nat.Delete() // and the route points to nothing
	before := Dump(t, StateOf(d.Cloud))
	_, err := d.Cloud.Do(t.Context(), &Request{Scope: monkeyScope, Kind: Rules().KindOf(VPCType), Op: "update", Run: func(c *Call) error {
		rec := c.Find(vpc.ID, VPCType)
		for _, name := range []string{"one", "two"} {
			changed := rec.Clone()
			changed.Outputs["name"] = name
			c.Store(changed)
		}
		c.Store(c.Find(route.ID, RouteType).Clone())
		c.DropAll(rec)
		c.NewID("x")
		return Refuse("no")
	}})
	RequireRefusal(t, err, "no")
	if after := Dump(t, StateOf(d.Cloud)); after != before {
		t.Errorf("from %s\nto %s", before, after)
	}
}

func requireReread(t *rapid.T, dir, want string) {
	again, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() //nolint:errcheck // read only
	if got := Dump(t, StateOf(again)); got != want {
		t.Fatalf("read again:\n%s\nwant:\n%s", got, want)
	}
}

// monkey calls the cloud at random, mostly with things that exist.
type monkey struct {
	t     *rapid.T
	cloud *Cloud
	n     int
}

var monkeyScope = Scope{Account: "123456789012", Region: "us-west-1"}

// act makes, changes or deletes something, and says whether the cloud took it.
func (m *monkey) act() bool {
	m.n++
	typ := rapid.SampledFrom([]string{VPCType, SubnetType, InternetGatewayType, RouteTableType, RouteType, RouteTableAssociationType, EIPType,
		NATGatewayType, NetworkInterfaceType, SecurityGroupType, IngressRuleType, VPCEndpointType, LaunchTemplateType, AutoScalingGroupType}).Draw(m.t, "type")
	k := Rules().KindOf(typ)
	var id string
	q := &Request{Scope: monkeyScope, Kind: k, Op: "create", Run: func(c *Call) error { return c.Create(m.inputs(typ), "urn") }}
	if list := StateOf(m.cloud).RecordsOf(typ); len(list) > 0 && rapid.IntRange(0, 2).Draw(m.t, "op") == 0 {
		id = rapid.SampledFrom(list).Draw(m.t, "which").ID
		q.Op, q.Run = "delete", func(c *Call) error { return c.Delete(id) }
		if rapid.Bool().Draw(m.t, "update") {
			q.Op, q.Run = "update", func(c *Call) error { return c.Update(k.Properties(), id, m.inputs(typ), "urn") }
		}
	}
	before := SeqOf(m.cloud)
	_, err := m.cloud.Do(m.t.Context(), q)
	if err == nil && SeqOf(m.cloud) == before {
		m.t.Fatal("nothing was done and nothing was refused")
	}
	return err == nil
}

// some is the id of something of a type, or of nothing.
func (m *monkey) some(typ string) string {
	list := StateOf(m.cloud).RecordsOf(typ)
	if len(list) == 0 {
		return "none"
	}
	return rapid.SampledFrom(list).Draw(m.t, typ).ID
}

func (m *monkey) inputs(typ string) map[string]any {
	switch typ {
	case VPCType:
		return map[string]any{"cidrBlock": rapid.SampledFrom([]string{"10.1.0.0/16", "10.2.0.0/16"}).Draw(m.t, "cidr")}
	case SubnetType:
		return map[string]any{"vpcId": m.some(VPCType), "cidrBlock": fmt.Sprintf("10.%d.%d.0/28", rapid.IntRange(1, 2).Draw(m.t, "b"), rapid.IntRange(0, 3).Draw(m.t, "c")),
			"availabilityZone": rapid.SampledFrom([]string{"us-west-1a", "us-west-1b"}).Draw(m.t, "zone")}
	case InternetGatewayType, RouteTableType, SecurityGroupType:
		return map[string]any{"vpcId": m.some(VPCType), "name": fmt.Sprint("name", m.n)}
	case RouteType:
		return map[string]any{"routeTableId": m.some(RouteTableType), "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": m.some(NATGatewayType)}
	case RouteTableAssociationType:
		return map[string]any{"routeTableId": m.some(RouteTableType), "subnetId": m.some(SubnetType)}
	case NATGatewayType:
		return map[string]any{"subnetId": m.some(SubnetType), "allocationId": m.some(EIPType)}
	case NetworkInterfaceType:
		return map[string]any{"subnetId": m.some(SubnetType)}
	case IngressRuleType:
		return map[string]any{"securityGroupId": m.some(SecurityGroupType), "ipProtocol": "-1", "referencedSecurityGroupId": m.some(SecurityGroupType)}
	case VPCEndpointType:
		return map[string]any{"vpcId": m.some(VPCType), "serviceName": "com.amazonaws.us-west-1.ssm", "vpcEndpointType": "Interface", "subnetIds": []any{m.some(SubnetType)}}
	case LaunchTemplateType:
		return map[string]any{"imageId": DebianImage, "instanceType": "m7g.large", "name": fmt.Sprint("name", m.n)}
	case AutoScalingGroupType:
		return map[string]any{"name": fmt.Sprint("name", rapid.IntRange(0, 1).Draw(m.t, "name")), "minSize": 0.0, "maxSize": 4.0, "desiredCapacity": float64(rapid.IntRange(0, 3).Draw(m.t, "want")),
			"vpcZoneIdentifiers": []any{m.some(SubnetType)}, "launchTemplate": map[string]any{"id": m.some(LaunchTemplateType)}}
	}
	return map[string]any{}
}

// What is read back from the journal is what was there, to the types of the values.
func TestOutputsSurviveTheJournal(t *testing.T) {
	dir := t.TempDir()
	d := StartAt(t, dir)
	Everything(d)
	again := StartAt(t, dir)
	if a, b := d.Resources(), again.Resources(); !reflect.DeepEqual(a, b) {
		t.Error("resources differ when read again")
	}
}

// Two clouds on one directory, many calls at once: quotas and overlaps hold between all of them.
func TestConcurrentCalls(t *testing.T) {
	dir := t.TempDir()
	one, two := StartAt(t, dir), StartAt(t, dir)
	vpc := one.VPC("10.42.0.0/16")
	var wg sync.WaitGroup
	var made, addresses atomic.Int32
	for i := range 40 {
		d := []*Driver{one, two}[i%2]
		wg.Go(func() {
			if _, err := d.TryCreate(SubnetType, fmt.Sprint(i), Props{"vpcId": vpc.ID, "cidrBlock": fmt.Sprintf("10.42.%d.0/24", i/2)}); err == nil {
				made.Add(1)
			}
			if _, err := d.TryCreate(EIPType, fmt.Sprint(i), Props{}); err == nil {
				addresses.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 20 || addresses.Load() != 5 {
		t.Errorf("%d subnets of 20 ranges, %d addresses of 5", made.Load(), addresses.Load())
	}
	ids := map[string]bool{}
	for i, op := range two.Operations() {
		if ids[op.ID] || op.Seq != i+1 {
			t.Errorf("operation %d has number %d and id %s", i+1, op.Seq, op.ID)
		}
		ids[op.ID] = true
	}
}

func TestServerEnds(t *testing.T) {
	d := Start(t)
	server, err := Serve(d.Cloud)
	if err != nil {
		t.Fatal(err)
	}
	if env := server.Env()["PULUMI_DEBUG_PROVIDERS"]; !strings.HasPrefix(env, "aws:") {
		t.Errorf("environment: %q", env)
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}
