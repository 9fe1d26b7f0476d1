package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/beachhead-build/beachhead/internal/restype"
)

func step(edit func(*Step)) Step {
	s := Step{
		URN: "urn:pulumi:us-west-1::beachhead::beachhead:aws:Network$aws:ec2/vpc:Vpc::net-vpc", Type: "aws:ec2/vpc:Vpc", Name: "net-vpc",
		Op: "update", Custom: true,
	}
	edit(&s)
	return s
}

func sized(gib any) map[string]any { return map[string]any{"size": gib} }

func TestRefusals(t *testing.T) {
	volume := func(s *Step) { s.Type, s.Name, s.Protected = "aws:ebs/volume:Volume", "cache-shard-00", true }
	cases := []struct {
		name string
		edit func(*Step)
		want string
	}{
		{"an update is fine", func(*Step) {}, ""},
		{"a VPC is not replaced", func(s *Step) { s.Op, s.Diffs = "replace", []string{"cidrBlock"} }, "because of cidrBlock"},
		{"a VPC may be deleted", func(s *Step) { s.Op = "delete" }, ""},
		{"a route may be replaced", func(s *Step) { s.Op, s.Type = "replace", "aws:ec2/route:Route" }, ""},
		{"a protected thing is not deleted", func(s *Step) { volume(s); s.Op = "delete" }, "cache-shard-00 (aws:ebs/volume:Volume) is protected and would be deleted"},
		{"nor replaced", func(s *Step) { volume(s); s.Op, s.Diffs = "create-replacement", []string{"availabilityZone"} }, "replaced because of availabilityZone"},
		{"a protected thing may be updated", volume, ""},
		{"what stays in the cloud is still not taken from the stack", func(s *Step) { volume(s); s.Op, s.Retained = "delete", true }, "is protected and would be deleted"},
		{"a volume grows", func(s *Step) { volume(s); s.was, s.Inputs = sized(512.0), sized(1024.0) }, ""},
		{"and does not shrink", func(s *Step) { volume(s); s.was, s.Inputs = sized(1024.0), sized(512.0) }, "has a size of 1024 and would get 512"},
		{"nor from what an API says", func(s *Step) { volume(s); s.was, s.Inputs = sized(int32(1024)), sized(512.0) }, "1024 and would get 512"},
		{"a size that is not known yet is no reason", func(s *Step) { volume(s); s.was, s.Inputs = sized(1024.0), sized(plugin.UnknownStringValue) }, ""},
		{"other things may shrink", func(s *Step) { s.was, s.Inputs = sized(1024.0), sized(512.0) }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := refusals([]Step{step(c.edit)})
			if c.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want a refusal with %q", err, c.want)
			}
		})
	}
}

func TestRefusalsNameEveryThingOnce(t *testing.T) {
	replace := func(name string) Step {
		return step(func(s *Step) { s.Op, s.Name, s.Diffs = "replace", name, []string{"cidrBlock"} })
	}
	err := refusals([]Step{replace("one"), replace("two"), replace("two")})
	if got := strings.Count(err.Error(), "\n"); got != 2 {
		t.Errorf("want a line each for one and two:\n%v", err)
	}
}

// A network that would be replaced is one line, with the reason: its subnets and the other steps of its replacement tell no more.
func TestRefusalsNameTheCause(t *testing.T) {
	replaced := func(typ, op string, diffs ...string) Step {
		return step(func(s *Step) { s.URN, s.Type, s.Name, s.Op, s.Diffs = "urn:"+typ, typ, "net", op, diffs })
	}
	err := refusals([]Step{
		replaced(restype.VPC, "create-replacement", "cidrBlock"), replaced(restype.VPC, "replace"),
		replaced(restype.Subnet, "create-replacement", "cidrBlock", "vpcId"), replaced(restype.Subnet, "replace"),
	})
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "because of cidrBlock: the network's range") {
		t.Errorf("%v, want one line that names the range", err)
	}
	for _, alone := range []Step{replaced(restype.VPC, "replace"), replaced(restype.Subnet, "replace", "vpcId"), replaced(restype.Subnet, "replace")} {
		if refusals([]Step{alone}) == nil {
			t.Errorf("not refused: %+v", alone)
		}
	}
}

// What the engine itself refuses comes with the way that fits: a volume's zone for a replacement, its shard for a deletion.
func TestProtections(t *testing.T) {
	const urn = "urn:pulumi:a::beachhead::beachhead:aws:ShardedCache$aws:ebs/volume:Volume::cache-shard-01"
	for message, want := range map[string]string{
		"unable to replace resource \"x\"\nas it is currently marked for protection.": "cache-shard-01 (aws:ebs/volume:Volume) is protected and " +
			"would be replaced: a data volume cannot leave its zone",
		"resource \"x\" cannot be deleted\nbecause it is protected.": "would be deleted: it holds a part of the cache",
	} {
		if err := protections([]Diagnostic{{URN: urn, Message: message}}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}

func TestProviderURN(t *testing.T) {
	const urn = "urn:pulumi:us-west-1::beachhead::pulumi:providers:aws::aws"
	if got := providerURN(urn + "::8a1c-22"); got != urn {
		t.Errorf("%q, want %q", got, urn)
	}
}

func TestFailureHasOneLineForEachThing(t *testing.T) {
	f := &Failure{Rest: "exit status 1", Diagnostics: []Diagnostic{
		{URN: "urn:pulumi:a::beachhead::aws:ec2/eip:Eip::net-nat-0", Message: "creating\n  EIP: AddressLimitExceeded"},
		{URN: "urn:pulumi:a::beachhead::aws:ec2/eip:Eip::net-nat-0", Message: "creating EIP: AddressLimitExceeded"},
		{URN: "urn:pulumi:a::beachhead::pulumi:pulumi:Stack::beachhead-a", Message: "update failed"},
	}}
	if got, want := f.Error(), "net-nat-0 (aws:ec2/eip:Eip): creating EIP: AddressLimitExceeded; have quota L-0263D0A3 raised"; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&Failure{Rest: "no pulumi"}).Error(); got != "no pulumi" {
		t.Errorf("without diagnostics %q", got)
	}
}

// Every word is found in the text that it is for, and what nobody knows is left as it is.
func TestAdvice(t *testing.T) {
	for _, n := range nextSteps {
		if got := advice("operation error EC2: api error " + n.word + ": no"); got == "" || n.step == "" {
			t.Errorf("no next step for %s", n.word)
		}
	}
	if got := advice("it broke"); got != "" {
		t.Errorf("%q for what nobody knows", got)
	}
}

func TestLastWords(t *testing.T) {
	for report, want := range map[string]string{
		"failed to run update: exit status 255\ncode: 255\nstdout: \nstderr: error: no such stack\n": "no such stack",
		"failed\ncode: 1\nstdout: x\n  error: it broke\n":                                            "it broke",
		"something else\nmore": "something else",
	} {
		if got := lastWords(report); got != want {
			t.Errorf("%q gives %q, want %q", report, got, want)
		}
	}
}

// An engine that fails before it opens its stream never closes it; the operation must end all the same, with what was heard.
func TestListenEndsWithTheOperation(t *testing.T) {
	stream, ended := make(chan events.EngineEvent, 1), make(chan struct{})
	var e events.EngineEvent
	e.DiagnosticEvent = &apitype.DiagnosticEvent{Severity: "error", Message: "it broke"}
	stream <- e
	close(ended)
	done := make(chan *record)
	go func() { done <- listen(stream, ended, nil) }()
	select {
	case r := <-done:
		if len(r.errors) != 1 || r.errors[0].Message != "it broke" {
			t.Errorf("heard %v", r.errors)
		}
	case <-time.After(10 * silence):
		t.Fatal("still listening")
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"<{%fg 1%}>error: <{%reset%}>broken": "error: broken", "plain": "plain", "cut off <{%fg": "cut off <{%fg",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

// A lock is stale when its process ran here and is gone; a living process's and another machine's are not ours to judge.
func TestStaleLocks(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		text string
		want bool
	}{
		"a dead process":       {fmt.Sprintf(`{"pid":%d,"hostname":%q}`, gone.Process.Pid, host), true},
		"a living process":     {fmt.Sprintf(`{"pid":%d,"hostname":%q}`, os.Getpid(), host), false},
		"on another machine":   {fmt.Sprintf(`{"pid":%d,"hostname":"elsewhere"}`, gone.Process.Pid), false},
		"no lock at all":       {"", false},
		"a lock without a pid": {fmt.Sprintf(`{"hostname":%q}`, host), false},
	}
	for name, c := range cases {
		file := filepath.Join(t.TempDir(), "lock.json")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := stale(file); got != c.want {
			t.Errorf("%s: stale %t, want %t", name, got, c.want)
		}
	}
}

func TestWaitForLock(t *testing.T) {
	dir := t.TempDir()
	locks := filepath.Join(dir, ".pulumi", "locks", "organization", Project, "a")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	write := func(pid int) {
		t.Helper()
		text := fmt.Sprintf(`{"pid":%d,"hostname":%q}`, pid, host)
		if err := os.WriteFile(filepath.Join(locks, "lock.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(gone.Process.Pid)
	if err := waitForLock(t.Context(), "file://"+dir, "a"); err != nil {
		t.Errorf("a dead process's lock: %v", err)
	}
	write(os.Getpid())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := waitForLock(ctx, "file://"+dir, "a"); err == nil {
		t.Error("a living process's lock was passed over")
	}
	if err := waitForLock(t.Context(), "file://"+dir, "b"); err != nil {
		t.Errorf("another stack's lock: %v", err)
	}
	if err := waitForLock(t.Context(), "s3://state", "a"); err != nil {
		t.Errorf("a bucket, whose locks are not ours to judge: %v", err)
	}
}
