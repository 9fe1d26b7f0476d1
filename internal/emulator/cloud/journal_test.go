package cloud_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestTwoCloudsSeeEachOther(t *testing.T) {
	dir := t.TempDir()
	one, two := emulatortest.StartAt(t, dir), emulatortest.StartAt(t, dir)
	vpc := one.VPC("10.42.0.0/16")
	subnet := two.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	emulatortest.RequireRefusal(t, vpc.TryDelete(), subnet.ID)
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
	d := emulatortest.Start(t)
	info, err := os.Stat(filepath.Join(d.Dir, cloud.JournalName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, cloud.JournalName), []byte("{}\nno\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := emulator.Open(cloud.Options{Dir: dir})
	emulatortest.RequireRefusal(t, err, cloud.JournalName+" is damaged at byte 3", "remove its directory")
}

func TestShrunkJournal(t *testing.T) {
	d := emulatortest.Start(t)
	d.VPC("10.0.0.0/16")
	if err := os.Truncate(filepath.Join(d.Dir, cloud.JournalName), 0); err != nil {
		t.Fatal(err)
	}
	_, err := d.Cloud.Resources()
	emulatortest.RequireRefusal(t, err, "has shrunk")
}

func TestReplay(t *testing.T) {
	d := emulatortest.Start(t)
	w := emulatortest.Everything(d)
	n := 0
	if err := d.Cloud.Replay(func(op cloud.Operation, after *cloud.State) error {
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
	if err := d.Cloud.Replay(func(cloud.Operation, *cloud.State) error { return stop }); err != stop { //nolint:errorlint // the very error
		t.Errorf("the visit's error became %v", err)
	}
	if err := d.Cloud.View(func(s *cloud.State) error {
		if got := s.List(aws.SubnetType); len(got) != 1 || got[0].ImportID != got[0].ID {
			t.Errorf("subnets: %v", got)
		}
		if r, _ := s.Get(w.Handles[aws.RouteType].ID); r.ImportID != w.Handles[aws.RouteTableType].ID+"_0.0.0.0/0" {
			t.Errorf("import id of the route: %s", r.ImportID)
		}
		want := w.Handles[aws.SubnetType].ID + "/" + w.Handles[aws.RouteTableType].ID
		if r, _ := s.Get(w.Handles[aws.RouteTableAssociationType].ID); r.ImportID != want {
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
		c, err := emulator.Open(cloud.Options{Dir: dir, Faults: emulatortest.ParseFaults(t, "no-capacity=us-west-1b")})
		if err != nil {
			rt.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // at the end
		states := []string{cloud.Dump(rt, cloud.StateOf(c))}
		m := &monkey{t: rt, cloud: c}
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			before := cloud.Dump(rt, cloud.StateOf(c))
			if m.act() {
				states = append(states, cloud.Dump(rt, cloud.StateOf(c)))
			} else if after := cloud.Dump(rt, cloud.StateOf(c)); after != before {
				rt.Fatalf("a refused call changed the state\nfrom %s\nto %s", before, after)
			}
		}
		requireReread(rt, dir, states[len(states)-1])
		path := filepath.Join(dir, cloud.JournalName)
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
	c, err := emulator.Open(cloud.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read again below
	m := &monkey{t: t, cloud: c}
	m.act()
	requireReread(t, dir, cloud.Dump(t, cloud.StateOf(c)))
}

// A call that touches a thing twice and is refused then leaves it as it was.
func TestRollBack(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	d.InternetGateway(vpc)
	table := d.Create(aws.RouteTableType, "table", props{"vpcId": vpc.ID})
	nat := d.Create(aws.NATGatewayType, "nat", props{"subnetId": subnet.ID, "allocationId": d.EIP("nat").ID})
	route := d.Create(aws.RouteType, "r", props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat.ID})
	nat.Delete() // and the route points to nothing
	before := cloud.Dump(t, cloud.StateOf(d.Cloud))
	_, err := d.Cloud.Do(t.Context(), &cloud.Request{Scope: monkeyScope, Kind: emulator.Rules().KindOf(aws.VPCType), Op: "update",
		Run: func(c *cloud.Call) error {
			rec := c.Find(vpc.ID, aws.VPCType)
			for _, name := range []string{"one", "two"} {
				changed := rec.Clone()
				changed.Outputs["name"] = name
				c.Store(changed)
			}
			c.Store(c.Find(route.ID, aws.RouteType).Clone())
			c.DropAll(rec)
			c.NewID("x")
			return cloud.Refuse("no")
		}})
	emulatortest.RequireRefusal(t, err, "no")
	if after := cloud.Dump(t, cloud.StateOf(d.Cloud)); after != before {
		t.Errorf("from %s\nto %s", before, after)
	}
}

func requireReread(t *rapid.T, dir, want string) {
	again, err := emulator.Open(cloud.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() //nolint:errcheck // read only
	if got := cloud.Dump(t, cloud.StateOf(again)); got != want {
		t.Fatalf("read again:\n%s\nwant:\n%s", got, want)
	}
}

// monkey calls the cloud at random, mostly with things that exist.
type monkey struct {
	t     *rapid.T
	cloud *cloud.Cloud
	n     int
}

var monkeyScope = cloud.Scope{Account: "123456789012", Region: "us-west-1"}

// act makes, changes or deletes something, and says whether the cloud took it.
func (m *monkey) act() bool {
	m.n++
	typ := rapid.SampledFrom([]string{aws.VPCType, aws.SubnetType, aws.InternetGatewayType, aws.RouteTableType, aws.RouteType,
		aws.RouteTableAssociationType, aws.EIPType,
		aws.NATGatewayType, aws.NetworkInterfaceType, aws.SecurityGroupType, aws.IngressRuleType, aws.VPCEndpointType,
		aws.LaunchTemplateType, aws.AutoScalingGroupType}).Draw(m.t, "type")
	k := emulator.Rules().KindOf(typ)
	var id string
	q := &cloud.Request{Scope: monkeyScope, Kind: k, Op: "create", Run: func(c *cloud.Call) error { return c.Create(m.inputs(typ), "urn") }}
	if list := cloud.StateOf(m.cloud).RecordsOf(typ); len(list) > 0 && rapid.IntRange(0, 2).Draw(m.t, "op") == 0 {
		id = rapid.SampledFrom(list).Draw(m.t, "which").ID
		q.Op, q.Run = "delete", func(c *cloud.Call) error { return c.Delete(id) }
		if rapid.Bool().Draw(m.t, "update") {
			q.Op, q.Run = "update", func(c *cloud.Call) error { return c.Update(k.Properties(), id, m.inputs(typ), "urn") }
		}
	}
	before := cloud.SeqOf(m.cloud)
	_, err := m.cloud.Do(m.t.Context(), q)
	if err == nil && cloud.SeqOf(m.cloud) == before {
		m.t.Fatal("nothing was done and nothing was refused")
	}
	return err == nil
}

// some is the id of something of a type, or of nothing.
func (m *monkey) some(typ string) string {
	list := cloud.StateOf(m.cloud).RecordsOf(typ)
	if len(list) == 0 {
		return "none"
	}
	return rapid.SampledFrom(list).Draw(m.t, typ).ID
}

func (m *monkey) inputs(typ string) map[string]any {
	switch typ {
	case aws.VPCType:
		return map[string]any{"cidrBlock": rapid.SampledFrom([]string{"10.1.0.0/16", "10.2.0.0/16"}).Draw(m.t, "cidr")}
	case aws.SubnetType:
		return map[string]any{"vpcId": m.some(aws.VPCType), "cidrBlock": fmt.Sprintf("10.%d.%d.0/28", rapid.IntRange(1, 2).Draw(m.t, "b"),
			rapid.IntRange(0, 3).Draw(m.t, "c")),
			"availabilityZone": rapid.SampledFrom([]string{"us-west-1a", "us-west-1b"}).Draw(m.t, "zone")}
	case aws.InternetGatewayType, aws.RouteTableType, aws.SecurityGroupType:
		return map[string]any{"vpcId": m.some(aws.VPCType), "name": fmt.Sprint("name", m.n)}
	case aws.RouteType:
		return map[string]any{"routeTableId": m.some(aws.RouteTableType), "destinationCidrBlock": "0.0.0.0/0",
			"natGatewayId": m.some(aws.NATGatewayType)}
	case aws.RouteTableAssociationType:
		return map[string]any{"routeTableId": m.some(aws.RouteTableType), "subnetId": m.some(aws.SubnetType)}
	case aws.NATGatewayType:
		return map[string]any{"subnetId": m.some(aws.SubnetType), "allocationId": m.some(aws.EIPType)}
	case aws.NetworkInterfaceType:
		return map[string]any{"subnetId": m.some(aws.SubnetType)}
	case aws.IngressRuleType:
		return map[string]any{"securityGroupId": m.some(aws.SecurityGroupType), "ipProtocol": "-1",
			"referencedSecurityGroupId": m.some(aws.SecurityGroupType)}
	case aws.VPCEndpointType:
		return map[string]any{"vpcId": m.some(aws.VPCType), "serviceName": "com.amazonaws.us-west-1.ssm", "vpcEndpointType": "Interface",
			"subnetIds": []any{m.some(aws.SubnetType)}}
	case aws.LaunchTemplateType:
		return map[string]any{"imageId": emulatortest.DebianImage, "instanceType": "m7g.large", "name": fmt.Sprint("name", m.n)}
	case aws.AutoScalingGroupType:
		return map[string]any{"name": fmt.Sprint("name", rapid.IntRange(0, 1).Draw(m.t, "name")), "minSize": 0.0, "maxSize": 4.0,
			"desiredCapacity":    float64(rapid.IntRange(0, 3).Draw(m.t, "want")),
			"vpcZoneIdentifiers": []any{m.some(aws.SubnetType)}, "launchTemplate": map[string]any{"id": m.some(aws.LaunchTemplateType)}}
	}
	return map[string]any{}
}

// What is read back from the journal is what was there, to the types of the values.
func TestOutputsSurviveTheJournal(t *testing.T) {
	dir := t.TempDir()
	d := emulatortest.StartAt(t, dir)
	emulatortest.Everything(d)
	again := emulatortest.StartAt(t, dir)
	if a, b := d.Resources(), again.Resources(); !reflect.DeepEqual(a, b) {
		t.Error("resources differ when read again")
	}
}

// Two clouds on one directory, many calls at once: quotas and overlaps hold between all of them.
func TestConcurrentCalls(t *testing.T) {
	dir := t.TempDir()
	one, two := emulatortest.StartAt(t, dir), emulatortest.StartAt(t, dir)
	vpc := one.VPC("10.42.0.0/16")
	var wg sync.WaitGroup
	var made, addresses atomic.Int32
	for i := range 40 {
		d := []*driver{one, two}[i%2]
		wg.Go(func() {
			if _, err := d.TryCreate(aws.SubnetType, fmt.Sprint(i), props{"vpcId": vpc.ID,
				"cidrBlock": fmt.Sprintf("10.42.%d.0/24", i/2)}); err == nil {
				made.Add(1)
			}
			if _, err := d.TryCreate(aws.EIPType, fmt.Sprint(i), props{}); err == nil {
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
