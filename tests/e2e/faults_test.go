package e2e

import (
	"strings"
	"testing"
)

// What the cloud refuses once is an error that names it and says how to go on, and the next up goes on from there.
func TestFaultThenUpAgain(t *testing.T) {
	const again = "run `beachhead up us-west-2 --emulated` again"
	cases := map[string]struct {
		fault, want, next string
		f                 file
	}{
		"a NAT gateway fails": {"fail=create:aws:ec2/natGateway:NatGateway", "net-nat-us-west-2a", again,
			file{zones: 1, egress: "nat-gateway"}},
		"a zone without capacity": {"no-capacity=us-west-2a", "InsufficientInstanceCapacity", again, file{zones: 1, egress: "nat-instance"}},
		"a silent region":         {"silent-region=us-west-2", "does not answer", "nothing was changed", file{zones: 1, egress: "public"}},
		"too few addresses": {"quota=L-0263D0A3:1", "request an increase of quota L-0263D0A3", again,
			file{zones: 2, egress: "nat-gateway-per-zone"}},
		"another account": {"account=123456789012", "use credentials of the account", "nothing was changed", file{zones: 1, egress: "public"}},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.f)
			code, _, errs := w.run("up", name, "--emulated", "--fault", c.fault)
			if code != 1 || !strings.Contains(errs, c.want) || !strings.Contains(errs, c.next) {
				t.Errorf("exit code %d, want 1 and an error with %q and the next step; got\n%s", code, c.want, errs)
			}
			w.must("up")
			w.checkAgree(what)
			w.must("down")
			w.empty()
		})
	}
}

// Throttling is waited out, as the real provider does, and only costs time.
func TestThrottlingIsWaitedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 2, egress: "public"})
	w.must("up", "--fault", "throttle=aws:ec2/subnet:Subnet:6")
	throttled := 0
	for _, op := range operations(t, w) {
		throttled += op.Throttled
	}
	if throttled != 6 {
		t.Errorf("%d calls were throttled, want 6", throttled)
	}
}

// What must stay is refused before anything changes, whatever else the file changes.
func TestReplacementIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 2, egress: "nat-gateway"})
	w.must("up")
	before := len(operations(t, w))
	w.write(file{zones: 2, egress: "public", cidr: "10.60.0.0/16"})
	for _, command := range []string{"preview", "up"} {
		code, _, errs := w.run(command, name, "--emulated")
		if code != 1 || !strings.Contains(errs, "refused, nothing was changed") || !strings.Contains(errs, "write a second region file") {
			t.Errorf("%s: exit code %d, want 1 and a refusal with the way out:\n%s", command, code, errs)
		}
	}
	if after := len(operations(t, w)); after != before {
		t.Errorf("the refused change made %d operations", after-before)
	}
	w.write(file{zones: 2, egress: "nat-gateway"})
	w.quiet("after the refusal")
}
