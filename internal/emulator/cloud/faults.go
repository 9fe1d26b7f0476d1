package cloud

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
)

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
