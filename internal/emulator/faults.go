package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
)

// Fault makes the emulated cloud misbehave once it is opened. ParseFault reads one.
type Fault struct {
	kind string // what stands before the = sign
	// of is a type, zone, region, quota code or account; op is create, update or delete; n counts.
	of, op string
	n      int
}

// String writes a fault as ParseFault reads it.
func (f Fault) String() string {
	switch f.kind {
	case "throttle", "quota":
		return fmt.Sprintf("%s=%s:%d", f.kind, f.of, f.n)
	case "fail", "kill-after":
		if f.op == "" {
			return fmt.Sprintf("%s=%d", f.kind, f.n)
		}
		return fmt.Sprintf("%s=%s:%s:%d", f.kind, f.op, f.of, f.n)
	}
	return f.kind + "=" + f.of
}

// FaultForms lists what ParseFault takes, for help texts.
const FaultForms = `throttle=TYPE:N            the next N calls for the type are throttled
fail=OP:TYPE[:N]           create, update or delete fails N times (default 1), then succeeds
no-capacity=ZONE[:TYPE]    groups get no machines in the zone, of one instance type or of any
silent-region=REGION       nothing in the region answers
kill-after=N               the process dies after the N-th change, before the engine hears of it
kill-after=OP:TYPE[:N]     the same after the N-th (default 1) create, update or delete of a type
quota=CODE:N               a quota (L-0263D0A3) has another value
account=NNN                the account that the credentials belong to`

// ParseFault reads a fault from one of FaultForms. The error of a bad one lists the forms.
func ParseFault(s string) (Fault, error) {
	kind, rest, _ := strings.Cut(s, "=")
	f := Fault{kind: kind, of: rest}
	if accept, ok := faultForms[kind]; !ok || rest == "" || !accept(&f) {
		return Fault{}, fmt.Errorf("fault %q: want one of\n%s", s, FaultForms)
	}
	return f, nil
}

// faultForms takes what stands after the = sign apart, and says whether it makes sense.
var faultForms = map[string]func(*Fault) bool{
	"throttle": func(f *Fault) bool { return f.count() && isType(f.of) && f.n > 0 },
	"quota":    func(f *Fault) bool { return f.count() && strings.HasPrefix(f.of, "L-") },
	"fail":     (*Fault).operation,
	"kill-after": func(f *Fault) bool {
		n, err := strconv.Atoi(f.of)
		if err != nil {
			return f.operation()
		}
		f.n, f.of = n, ""
		return n > 0
	},
	"no-capacity":   func(*Fault) bool { return true },
	"silent-region": func(*Fault) bool { return true },
	"account": func(f *Fault) bool {
		_, err := strconv.ParseUint(f.of, 10, 64)
		return err == nil && len(f.of) == 12
	},
}

// isType says whether a text looks like a type token, aws:ec2/vpc:Vpc.
func isType(s string) bool { return strings.Count(s, ":") == 2 }

// operation takes OP:TYPE[:N] apart.
func (f *Fault) operation() bool {
	f.op, f.of, _ = strings.Cut(f.of, ":")
	f.n = 1
	known := slices.Contains([]string{"create", "update", "delete"}, f.op)
	return known && (isType(f.of) || f.count() && isType(f.of) && f.n > 0)
}

// count splits the number off after the last colon.
func (f *Fault) count() bool {
	i := strings.LastIndexByte(f.of, ':')
	if i <= 0 {
		return false
	}
	n, err := strconv.Atoi(f.of[i+1:])
	if err != nil || n < 0 {
		return false
	}
	f.of, f.n = f.of[:i], n
	return true
}

// Waits that no log gives: judgement. The real provider retries an API that does not answer for minutes on end.
const (
	silenceSeconds = 300
	// natFailureSeconds is what a NAT gateway takes to report that it failed (docs/facts.md, section 1).
	natFailureSeconds = 220
	// retries is how often the real provider repeats a throttled call before it gives up.
	retries = 25
)

// faults counts down what is still to go wrong in this process.
type faults struct {
	mu   sync.Mutex
	list []*Fault
}

func newFaults(list []Fault) *faults {
	f := &faults{}
	for _, fault := range list {
		f.list = append(f.list, &fault)
	}
	return f
}

func (f *faults) of(kind, of string) *Fault {
	for _, fault := range f.list {
		if fault.kind == kind && (fault.of == of || of == "") {
			return fault
		}
	}
	return nil
}

// hitch is what a call suffers before it goes through.
type hitch struct {
	seconds   float64
	throttled int
}

// before lets a call suffer what it is due. The seconds are to be waited even when it fails.
func (f *faults) before(q *request) (hitch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of("silent-region", q.region) != nil && q.region != "" {
		return hitch{seconds: silenceSeconds}, silence(q.region)
	}
	h, err := f.throttle(q)
	if err != nil {
		return h, err
	}
	for _, fault := range f.list {
		if fault.kind != "fail" || fault.op != q.op || fault.of != q.kind.typ || fault.n == 0 {
			continue
		}
		fault.n--
		h.seconds += duration(q.kind, q.op, &record{})
		if q.kind.typ == natGatewayType && q.op == "create" {
			h.seconds = natFailureSeconds
		}
		return h, refused("InternalError: An internal error has occurred. (fault fail=%s:%s)", q.op, q.kind.typ)
	}
	return h, nil
}

// throttle repeats a throttled call as the real provider does, with a back-off that doubles up to 20 s; counted is its mean, half.
func (f *faults) throttle(q *request) (hitch, error) {
	var h hitch
	for _, fault := range f.list {
		for fault.kind == "throttle" && fault.of == q.kind.typ && fault.n > 0 {
			fault.n--
			if h.throttled == retries {
				return h, exceeded("RequestLimitExceeded: Request limit exceeded. (exceeded maximum number of attempts, %d)", retries)
			}
			h.throttled++
			h.seconds += min(float64(int(1)<<min(h.throttled, 5)), 20) / 2
		}
	}
	return h, nil
}

func silence(region string) error {
	return &refusal{code: codes.DeadlineExceeded, text: fmt.Sprintf(
		"RequestError: region %s does not answer: no reply within %d s (dial tcp: i/o timeout)", region, silenceSeconds)}
}

// silent says whether a region answers nothing.
func (f *faults) silent(region string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of("silent-region", region) != nil
}

// committed counts a change, and says whether the process is to die of it.
func (f *faults) committed(q *request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		met := fault.op == "" || fault.op == q.op && fault.of == q.kind.typ
		if fault.kind != "kill-after" || !met || fault.n == 0 {
			continue
		}
		fault.n--
		if fault.n == 0 {
			return true
		}
	}
	return false
}

// noCapacity says whether a zone has run out of machines, of all types or of one.
func (f *faults) noCapacity(zone, typ string) bool {
	return f.of("no-capacity", zone) != nil || f.of("no-capacity", zone+":"+typ) != nil
}

// account is whose credentials are in use; empty: those that the provider expects.
func (f *faults) account() string {
	if fault := f.of("account", ""); fault != nil {
		return fault.of
	}
	return ""
}

// quota is the number that a quota stands at.
func (c *call) quota(code string) int {
	if fault := c.cloud.faults.of("quota", code); fault != nil {
		return fault.n
	}
	return quotas[code]
}
