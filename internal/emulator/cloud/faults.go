package cloud

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
)

// No log states these waits: they are our estimate. The real provider retries an API that does not answer for minutes.
const (
	silenceSeconds = 300
	// maxRetries is how often the real provider repeats a throttled call before it gives up.
	maxRetries = 25
)

// faultSet counts down the faults that are still due in this process.
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

// delay is the time and the attempts that a call loses before it succeeds or fails.
type delay struct {
	seconds   float64
	throttled int
}

// delayOf applies the faults that are due to a call. The caller waits for the seconds even when the call fails.
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

// throttleCall repeats a throttled call as the real provider does: its back-off doubles up to 20 s. The delay counts the mean of each
// back-off, which is half.
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
	return &RefusalError{Code: codes.DeadlineExceeded, Text: fmt.Sprintf(
		"RequestError: region %s does not answer: no reply within %d s (dial tcp: i/o timeout)", region, silenceSeconds)}
}

// isSilent reports whether a region answers no call.
func (f *faultSet) isSilent(region string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find("silent-region", region) != nil
}

// killsAfter counts a change, and reports whether the process must die after it.
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

// lacksCapacity reports whether a zone has no machines left, of one type or of any.
func (f *faultSet) lacksCapacity(zone, typ string) bool {
	return f.find("no-capacity", zone) != nil || f.find("no-capacity", zone+":"+typ) != nil
}

// accountOverride returns the account whose credentials are in use. An empty string means the account that the provider expects.
func (f *faultSet) accountOverride() string {
	if fault := f.find("account", ""); fault != nil {
		return fault.of
	}
	return ""
}
