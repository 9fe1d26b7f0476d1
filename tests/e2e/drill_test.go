package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A drill ends with nothing left, its times are the model's and its path has no gaps.
func TestDrill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 2, egress: "nat-gateway-per-zone"})
	code, out, errs := w.run("drill", name, "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	var found struct {
		Region    string
		Resources int
		Ready     float64 `json:"modelSecondsToReady"`
		Critical  []struct {
			Name       string
			Start, End float64
		} `json:"criticalPath"`
		Steps []struct{ Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found.Region != name || found.Resources < 30 || len(found.Steps) != 6 {
		t.Errorf("not a whole drill: %+v", found)
	}
	// The longest chain that the cloud forces: VPC 15, subnet 2, NAT gateway 105, route 2.
	if found.Ready != 124 {
		t.Errorf("ready after %g model seconds, want 124", found.Ready)
	}
	at, names := 0.0, []string{}
	for _, span := range found.Critical {
		if span.Start != at {
			t.Errorf("a gap before %s: %g, want %g", span.Name, span.Start, at)
		}
		at = span.End
		names = append(names, span.Name)
	}
	if path := strings.Join(names, " "); !strings.HasPrefix(path, "net-vpc ") || !strings.Contains(path, " net-nat-us-west-2") || len(names) != 4 {
		t.Errorf("critical path %s, want the VPC, a subnet or gateway, a NAT gateway and a route through it", path)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, ".beachhead", "drill-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".beachhead", "emulated")); err == nil {
		t.Error("a drill touched the emulated cloud that stays")
	}
}

// For people, a drill says what it did, step by step, and how long the region would take.
func TestDrillForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "public"})
	code, out, errs := w.run("drill", name)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	for _, want := range []string{"nothing real was touched", "up again", "nothing to do", "nothing left", "time to ready", "critical path", "net-vpc"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out+errs, "\x1b[") {
		t.Error("colour although nobody looks")
	}
}

// A drill of a region that does not come up says at which step it stopped.
func TestDrillWithAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "nat-gateway"})
	code, out, errs := w.run("drill", name, "--fault", "fail=create:aws:ec2/natGateway:NatGateway")
	if code != 1 || out != "" || !strings.Contains(errs, "stopped at up") || !strings.Contains(errs, "net-nat-us-west-2a") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
}
