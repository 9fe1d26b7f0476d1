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
	"throttle": func(f *Fault) bool { return f.parseCount() && isType(f.of) && f.n > 0 },
	"quota":    func(f *Fault) bool { return f.parseCount() && strings.HasPrefix(f.of, "L-") },
	"fail":     (*Fault).parseOperation,
	"kill-after": func(f *Fault) bool {
		n, err := strconv.Atoi(f.of)
		if err != nil {
			return f.parseOperation()
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

// parseOperation takes OP:TYPE[:N] apart.
func (f *Fault) parseOperation() bool {
	f.op, f.of, _ = strings.Cut(f.of, ":")
	f.n = 1
	known := slices.Contains([]string{"create", "update", "delete"}, f.op)
	return known && (isType(f.of) || f.parseCount() && isType(f.of) && f.n > 0)
}

// parseCount splits the number off after the last colon.
func (f *Fault) parseCount() bool {
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
	// maxRetries is how often the real provider repeats a throttled call before it gives up.
	maxRetries = 25
)

// faultSet counts down what is still to go wrong in this process.
type faultSet struct {
	mu   sync.Mutex
	list []*Fault
}

func newFaultSet(list []Fault) *faultSet {
	f := &faultSet{}
	for _, fault := range list {
		f.list = append(f.list, &fault)
	}
	return f
}

func (f *faultSet) find(kind, of string) *Fault {
	for _, fault := range f.list {
		if fault.kind == kind && (fault.of == of || of == "") {
			return fault
		}
	}
	return nil
}

// delay is what a call suffers before it goes through.
type delay struct {
	seconds   float64
	throttled int
}

// delayOf lets a call suffer what it is due. The seconds are to be waited even when it fails.
func (f *faultSet) delayOf(q *Request) (delay, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.find("silent-region", q.Region) != nil && q.Region != "" {
		return delay{seconds: silenceSeconds}, refuseSilent(q.Region)
	}
	h, err := f.throttleCall(q)
	if err != nil {
		return h, err
	}
	for _, fault := range f.list {
		if fault.kind != "fail" || fault.op != q.Op || fault.of != q.Kind.Type || fault.n == 0 {
			continue
		}
		fault.n--
		h.seconds += OperationSeconds(q.Kind, q.Op, &Record{})
		if q.Kind.FailureSeconds > 0 && q.Op == "create" {
			h.seconds = q.Kind.FailureSeconds
		}
		return h, Refuse("InternalError: An internal error has occurred. (fault fail=%s:%s)", q.Op, q.Kind.Type)
	}
	return h, nil
}

// throttleCall repeats a throttled call as the real provider does, with a back-off that doubles up to 20 s; counted is its mean, half.
func (f *faultSet) throttleCall(q *Request) (delay, error) {
	var h delay
	for _, fault := range f.list {
		for fault.kind == "throttle" && fault.of == q.Kind.Type && fault.n > 0 {
			fault.n--
			if h.throttled == maxRetries {
				return h, RefuseQuota("RequestLimitExceeded: Request limit exceeded. (exceeded maximum number of attempts, %d)", maxRetries)
			}
			h.throttled++
			h.seconds += min(float64(int(1)<<min(h.throttled, 5)), 20) / 2
		}
	}
	return h, nil
}

func refuseSilent(region string) error {
	return &Refusal{Code: codes.DeadlineExceeded, Text: fmt.Sprintf(
		"RequestError: region %s does not answer: no reply within %d s (dial tcp: i/o timeout)", region, silenceSeconds)}
}

// isSilent says whether a region answers nothing.
func (f *faultSet) isSilent(region string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find("silent-region", region) != nil
}

// killsAfter counts a change, and says whether the process is to die of it.
func (f *faultSet) killsAfter(q *Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		met := fault.op == "" || fault.op == q.Op && fault.of == q.Kind.Type
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

// lacksCapacity says whether a zone has run out of machines, of all types or of one.
func (f *faultSet) lacksCapacity(zone, typ string) bool {
	return f.find("no-capacity", zone) != nil || f.find("no-capacity", zone+":"+typ) != nil
}

// accountOverride is whose credentials are in use; empty: those that the provider expects.
func (f *faultSet) accountOverride() string {
	if fault := f.find("account", ""); fault != nil {
		return fault.of
	}
	return ""
}

// Quota is the number that a quota stands at.
func (c *Call) Quota(code string) int {
	if n, set := c.QuotaOverride(code); set {
		return n
	}
	return c.State.registry.PlatformOf(c.Kind.Type).Quotas[code]
}

// QuotaOverride returns the value that a fault sets for a quota, and whether one does.
func (c *Call) QuotaOverride(code string) (int, bool) {
	if fault := c.cloud.faults.find("quota", code); fault != nil {
		return fault.n, true
	}
	return 0, false
}
