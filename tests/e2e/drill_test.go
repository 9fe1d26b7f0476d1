package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/report"
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
		Run       report.Run
		Steps     []struct{ Name, Outcome string }
		Timeline  string
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found.Region != name || found.Resources < 30 || len(found.Steps) != 6 {
		t.Errorf("not a whole drill: %+v", found)
	}
	// The longest chain that the cloud forces: VPC 15, subnet 2, NAT gateway 105, route 2.
	if last := found.Run.Critical[len(found.Run.Critical)-1]; last.End != 124 || last.End != found.Run.Forced[len(found.Run.Forced)-1].End {
		t.Errorf("the last thing is there after %g model seconds, want 124, which the cloud forces: %+v", last.End, found.Run.Forced)
	}
	at, names := 0.0, []string{}
	for _, span := range found.Run.Critical {
		if span.Start != at {
			t.Errorf("a gap before %s: %g, want %g", span.Name, span.Start, at)
		}
		at = span.End
		names = append(names, span.Name)
	}
	if path := strings.Join(names, " "); !strings.HasPrefix(path, "net-vpc ") || !strings.Contains(path, " net-nat-us-west-2") ||
		len(names) != 4 {
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
	for _, want := range []string{"nothing real was changed", "up again", "nothing to do", "nothing left", "Time to ready", "critical path",
		"net-vpc"} {
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

// The regions that the project ships stand up, prove themselves and go, within the times that the project promises, and hardly later than
// the clouds force.
func TestDrillsOfTheShippedRegions(t *testing.T) {
	for _, region := range []string{"us-east-2", "us-west-1"} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			w := shippedWorld(t)
			code, out, errs := w.run("drill", region, "--json")
			if code != 0 {
				t.Fatalf("exit code %d\n%s", code, errs)
			}
			var found struct {
				Run        report.Run
				Kept       []string
				Unverified []any
			}
			if err := json.Unmarshal([]byte(out), &found); err != nil {
				t.Fatal(err)
			}
			times := found.Run.Times
			for what, m := range map[string]struct {
				moment *report.Moment
				most   float64
			}{"container builds": {times.Builds, 240}, "Yocto builds": {times.Yocto, 300}, "the link": {times.Link, 540}} {
				if m.moment == nil || m.moment.Seconds > m.most {
					t.Errorf("%s: %+v, want at most %g model seconds", what, m.moment, m.most)
				}
			}
			last, forced := lastEnd(t, found.Run.Critical), lastEnd(t, found.Run.Forced)
			if last < forced || last > 1.05*forced {
				t.Errorf("the critical path ends after %g model seconds, and the clouds force %g: %+v", last, forced, found.Run.Critical)
			}
			if len(found.Kept) != 4 || len(found.Unverified) > 0 {
				t.Errorf("kept %v, want the four volumes; unverified %v", found.Kept, found.Unverified)
			}
		})
	}
}
