package cloud_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestParseFault(t *testing.T) {
	for _, s := range []string{"throttle=aws:ec2/vpc:Vpc:3", "fail=create:aws:ec2/vpc:Vpc:2", "no-capacity=us-west-1a",
		"silent-region=us-west-1",
		"kill-after=7", "kill-after=update:aws:ec2/vpc:Vpc:2", "quota=L-0263D0A3:50", "account=123456789012"} {
		f, err := cloud.ParseFault(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
		} else if f.String() != s {
			t.Errorf("%s was read as %s", s, f)
		}
	}
	if f, err := cloud.ParseFault("fail=delete:aws:ec2/vpc:Vpc"); err != nil || f.String() != "fail=delete:aws:ec2/vpc:Vpc:1" {
		t.Errorf("%+v, %v", f, err)
	}
	for _, s := range []string{"", "fail", "fail=", "fail=read:aws:ec2/vpc:Vpc", "fail=create:vpc", "throttle=aws:ec2/vpc:Vpc",
		"throttle=aws:ec2/vpc:Vpc:0",
		"throttle=3", "kill-after=0", "kill-after=x", "kill-after=read:aws:ec2/vpc:Vpc", "kill-after=create:vpc",
		"quota=50", "quota=L-0263D0A3", "account=12", "no-capacity=", "silent-region", "earthquake=9"} {
		_, err := cloud.ParseFault(s)
		if err == nil || !strings.Contains(err.Error(), "kill-after=N") {
			t.Errorf("%q: %v, want an error that lists the forms", s, err)
		}
	}
}

func TestThrottling(t *testing.T) {
	d := emulatortest.Start(t, "throttle="+aws.VPCType+":3")
	d.VPC("10.0.0.0/16")
	op := d.Operations()[0]
	if op.Throttled != 3 || op.ModelSeconds != 15+1+2+4 {
		t.Errorf("throttled %d times, %v model seconds", op.Throttled, op.ModelSeconds)
	}
	d.VPC("10.1.0.0/16")
	if op := d.Operations()[1]; op.Throttled != 0 || op.ModelSeconds != 15 {
		t.Errorf("throttled %d times, %v model seconds", op.Throttled, op.ModelSeconds)
	}
	hard := emulatortest.Start(t, "throttle="+aws.VPCType+":26")
	hard.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": "10.0.0.0/16"}, "RequestLimitExceeded", "25")
	hard.VPC("10.0.0.0/16")
}

func TestFailures(t *testing.T) {
	d := emulatortest.Start(t, "fail=create:"+aws.VPCType+":2", "fail=delete:"+aws.VPCType)
	for range 2 {
		d.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": "10.0.0.0/16"}, "InternalError", "fail=create:"+aws.VPCType)
	}
	vpc := d.VPC("10.0.0.0/16")
	emulatortest.RequireRefusal(t, vpc.TryDelete(), "InternalError")
	vpc.Delete()
}

func TestNATGatewayFailsLate(t *testing.T) {
	seconds, err := cloud.DelayOf(emulatortest.ParseFaults(t, "fail=create:"+aws.NATGatewayType),
		&cloud.Request{Kind: emulator.Rules().KindOf(aws.NATGatewayType), Op: "create"})
	if err == nil || seconds != 220 {
		t.Errorf("failed after %v model seconds, %v", seconds, err)
	}
	d := emulatortest.StartWith(t, cloud.Options{Dir: t.TempDir(), Pace: 1000})
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	eip := d.EIP("e")
	start := time.Now()
	d.RequireCreateRefusal(aws.NATGatewayType, props{"subnetId": subnet.ID, "allocationId": eip.ID}, "Gateway.NotAttached")
	if took := time.Since(start); took < 210*time.Millisecond {
		t.Errorf("said so after %v, want 220 ms", took)
	}
}

func TestSilentRegion(t *testing.T) {
	d := emulatortest.Start(t, "silent-region=us-east-2")
	d.VPC("10.0.0.0/16")
	emulatortest.RequireRefusal(t, d.TryConfigure(props{"region": "us-east-2"}), "region us-east-2 does not answer")
	// A region that falls silent later answers none of the calls.
	dir := t.TempDir()
	vpc := emulatortest.StartAt(t, dir).VPC("10.0.0.0/16")
	silent := emulatortest.StartAt(t, dir)
	cloud.SetFaults(silent.Cloud, emulatortest.ParseFaults(t, "silent-region=us-west-1"))
	vpc.Driver.Client = silent.Client
	emulatortest.RequireRefusal(t, vpc.TryDelete(), "region us-west-1 does not answer")
	silent.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": "10.0.0.0/16"}, "does not answer")
	_, err := silent.Cloud.ReadRecord(context.Background(), &cloud.Request{Scope: cloud.Scope{Region: "us-west-1"},
		Kind: emulator.Rules().KindOf(aws.VPCType), ID: vpc.ID})
	emulatortest.RequireRefusal(t, err, "does not answer")
}

func TestKillAfter(t *testing.T) {
	var killed atomic.Int32
	dir := t.TempDir()
	var seen int
	d := emulatortest.StartWith(t, cloud.Options{Dir: dir, Faults: emulatortest.ParseFaults(t, "kill-after=2"), Kill: func() {
		killed.Add(1)
		other, err := emulator.Open(cloud.Options{Dir: dir})
		if err != nil {
			t.Error(err)
			return
		}
		defer other.Close() //nolint:errcheck // read only
		list, err := other.Operations()
		if err != nil {
			t.Error(err)
		}
		seen = len(list)
	}})
	vpc := d.VPC("10.0.0.0/16")
	(&handle{Driver: d, Type: aws.VPCType, ID: "vpc-none"}).Delete() // there is none: no operation
	if killed.Load() != 0 {
		t.Error("killed by what changed nothing")
	}
	vpc.Delete()
	d.VPC("10.1.0.0/16")
	if killed.Load() != 1 || seen != 2 {
		t.Errorf("killed %d times, with %d operations on disk", killed.Load(), seen)
	}
}

func TestKillAfterAnOperation(t *testing.T) {
	var killed []string
	var d *driver
	d = emulatortest.StartWith(t, cloud.Options{Dir: t.TempDir(), Faults: emulatortest.ParseFaults(t, "kill-after=delete:"+aws.VPCType+":2"),
		Kill: func() {
			last := d.Operations()[len(d.Operations())-1]
			killed = append(killed, last.Op+" "+last.ID)
		}})
	first, second := d.VPC("10.0.0.0/16"), d.VPC("10.1.0.0/16")
	first.Delete()
	second.Delete()
	d.VPC("10.2.0.0/16").Delete()
	if want := "delete " + second.ID; len(killed) != 1 || killed[0] != want {
		t.Errorf("killed after %q, want %q alone", killed, want)
	}
}

func TestPace(t *testing.T) {
	d := emulatortest.StartWith(t, cloud.Options{Dir: t.TempDir(), Pace: 100})
	start := time.Now()
	d.VPC("10.0.0.0/16") // 15 model seconds
	if took := time.Since(start); took < 140*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %v, want about 150 ms", took)
	}
	if _, err := emulator.Open(cloud.Options{Dir: t.TempDir(), Pace: -1}); err == nil {
		t.Error("a negative pace was taken")
	}
}

// A wait ends early when the engine gives up; what was committed stands.
func TestCancel(t *testing.T) {
	d := emulatortest.StartWith(t, cloud.Options{Dir: t.TempDir(), Pace: 0.1})
	done := make(chan *handle)
	go func() { done <- d.VPC("10.0.0.0/16") }() // two and a half minutes
	for len(d.Resources()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := d.Client.Cancel(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case vpc := <-done:
		if vpc.ID == "" {
			t.Error("no id")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the wait went on")
	}
}

func TestDurations(t *testing.T) {
	d := emulatortest.Start(t)
	w := emulatortest.Everything(d)
	w.Handles[aws.NATGatewayType].Delete()
	want := map[string]float64{"create " + aws.VPCType: 15, "create " + aws.SubnetType: 2, "create " + aws.NATGatewayType: 105, "delete " +
		aws.NATGatewayType: 26.25,
		"create " + aws.VPCEndpointType: 90, "create " + aws.RouteType: 2, "create " + aws.AutoScalingGroupType: 46, "create " +
			aws.InstanceProfileType: 10}
	for _, op := range d.Operations() {
		if s, ok := want[op.Op+" "+op.Type]; ok && s != op.ModelSeconds {
			t.Errorf("%s of %s: %v model seconds, want %v", op.Op, op.Type, op.ModelSeconds, s)
		}
	}
	public := cloud.OperationSeconds(emulator.Rules().KindOf(aws.SubnetType), "create",
		&cloud.Record{Inputs: map[string]any{"mapPublicIpOnLaunch": true}})
	if gateway := cloud.OperationSeconds(emulator.Rules().KindOf(aws.VPCEndpointType), "create", &cloud.Record{}); public != 12 ||
		gateway != 6 {
		t.Errorf("subnet with public addresses %v, gateway endpoint %v", public, gateway)
	}
	if s := cloud.OperationSeconds(emulator.Rules().KindOf(aws.RouteType), "delete", &cloud.Record{}); s != 1 {
		t.Errorf("delete of a route: %v, want at least 1", s)
	}
}

// What an answer takes to find is part of how long an operation takes: one that was found late enough does not wait again.
func TestWaitCountsFromTheQuestion(t *testing.T) {
	d := emulatortest.StartWith(t, cloud.Options{Dir: t.TempDir(), Pace: 1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	cloud.WaitSeconds(ctx, d.Cloud, time.Now().Add(-time.Hour), 3600)
	if ctx.Err() != nil {
		t.Error("an operation that was asked for an hour ago and takes an hour waited all the same")
	}
	cloud.WaitSeconds(ctx, d.Cloud, time.Now(), 3600)
	if ctx.Err() == nil {
		t.Error("an operation of an hour did not wait")
	}
}
