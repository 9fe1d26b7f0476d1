package cloud

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault makes an open emulated cloud misbehave. ParseFault reads one.
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

// FaultForms lists the forms that ParseFault accepts, for help texts.
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
		return Fault{}, fmt.Errorf("not a fault; want one of\n%s", FaultForms)
	}
	return f, nil
}

// faultForms parses the part after the = sign and reports whether it is valid.
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

// isType reports whether a text looks like a type token, such as aws:ec2/vpc:Vpc.
func isType(s string) bool { return strings.Count(s, ":") == 2 }

// parseOperation splits OP:TYPE[:N].
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
