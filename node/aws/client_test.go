package aws

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

func TestIdentityOutlivesTheMetadata(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	want := Identity{InstanceID: instance, InstanceType: "m7g.4xlarge", Zone: "us-west-1a"}
	if got, err := c.InstanceIdentity(t.Context()); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	s.withLock(func() { s.parameters["/map"] = []string{"one"} })
	if _, err := c.GetParameter(t.Context(), "/map"); err != nil {
		t.Fatal(err)
	}
	s.metadata.Close()
	if got, err := c.InstanceIdentity(t.Context()); err != nil || got != want {
		t.Errorf("without metadata: %+v, %v", got, err)
	}
	if got, err := c.GetParameter(t.Context(), "/map"); err != nil || got.Value != "one" {
		t.Errorf("the role's keys are not kept: %+v, %v", got, err)
	}
	if _, err := c.TargetLifecycleState(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, want it to be away", err)
	}
}

// A call has time for all its attempts and for one more, in which it may fetch credentials.
func TestCallTimeout(t *testing.T) {
	ctx, cancel := New("us-west-1", WithTimeouts(time.Second, time.Hour)).withTimeout(t.Context())
	defer cancel()
	if deadline, _ := ctx.Deadline(); time.Until(deadline).Round(time.Minute) != 4*time.Hour {
		t.Errorf("a call has %s, want 4 h", time.Until(deadline))
	}
}

// A value that is not JSON is an error, and no request.
func TestCallActionRefuses(t *testing.T) {
	s := newFakeAWS(t)
	if err := s.newClient().ssm.callAction(t.Context(), "PutParameter", func() {}, nil); err == nil || s.countCalls("PutParameter") != 0 {
		t.Errorf("%v, %d calls", err, s.countCalls("PutParameter"))
	}
}

func TestMetadataVersion2(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	target := func(want string) {
		t.Helper()
		if got, err := c.TargetLifecycleState(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	target("")
	s.withLock(func() { s.values["meta-data/autoscaling/target-lifecycle-state"] = "InService\n" })
	target("InService")
	// The metadata service forgets its tokens, as after a stop and a start of the instance.
	s.withLock(func() { s.token = "session-2"; s.values["meta-data/autoscaling/target-lifecycle-state"] = "Terminated" })
	target("Terminated")
}

func TestNotice(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	notice := func(want string) {
		t.Helper()
		if got, err := c.InterruptionNotice(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	notice("")
	s.withLock(func() {
		s.values["meta-data/events/recommendations/rebalance"] = `{"noticeTime":"2026-11-23T08:22:00Z"}`
	})
	notice(RebalanceNotice)
	s.withLock(func() {
		s.values["meta-data/spot/instance-action"] = `{"action":"terminate","time":"2026-11-23T08:24:00Z"}`
	})
	notice("terminate")
	s.withLock(func() { s.values["meta-data/spot/instance-action"] = `{"at":"2026-11-23T08:24:00Z"}` })
	if got, err := c.InterruptionNotice(t.Context()); err == nil || got != "" {
		t.Errorf("a notice without an action: %q, %v", got, err)
	}
}

// Whatever hangs, every call soon returns an error.
func TestHungCallsEnd(t *testing.T) {
	calls := map[string]func(context.Context, *Client) error{
		"identity":  func(ctx context.Context, c *Client) error { _, err := c.InstanceIdentity(ctx); return err },
		"notice":    func(ctx context.Context, c *Client) error { _, err := c.InterruptionNotice(ctx); return err },
		"parameter": func(ctx context.Context, c *Client) error { _, err := c.GetParameter(ctx, "/map"); return err },
		"volume":    func(ctx context.Context, c *Client) error { _, err := c.FindVolume(ctx, nil); return err },
		"heartbeat": func(ctx context.Context, c *Client) error { return c.SendHeartbeat(ctx, "drain") },
		"metrics": func(ctx context.Context, c *Client) error {
			return c.PublishMetrics(ctx, "Beachhead", nil, []Metric{{Name: "X", Unit: "Count"}})
		},
	}
	for name, hung := range map[string]string{"metadata": "metadata ", "keys": "metadata meta-data/iam", "services": "",
		"a value": "metadata meta-data/spot"} {
		for what, call := range calls {
			own := what == "identity" || what == "notice"
			if name == "keys" && own || name == "services" && own || name == "a value" && what != "notice" {
				continue // this call does not use it
			}
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				s := newFakeAWS(t)
				s.before = func(call string, _ http.ResponseWriter) bool {
					if metadata := strings.HasPrefix(call, "metadata "); hung != "" && strings.HasPrefix(call, hung) || hung == "" && !metadata {
						<-s.hang
					}
					return false
				}
				started := time.Now()
				if err := call(t.Context(), s.newClient()); !errors.Is(err, ErrUnavailable) {
					t.Errorf("%v, want it to be away", err)
				}
				if span := time.Since(started); span > 3*time.Second {
					t.Errorf("took %s", span)
				}
			})
		}
	}
}

func TestCanceledCallIsNotUnavailable(t *testing.T) {
	s := newFakeAWS(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(call string, _ http.ResponseWriter) bool {
		if call == "GetParameter" {
			cancel()
			<-s.hang
		}
		return false
	}
	c := New("us-west-1", WithEndpoint(s.aws.URL), WithMetadataEndpoint(s.metadata.URL))
	if _, err := c.GetParameter(ctx, "/map"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestRetriesThrottledAndFailedCalls(t *testing.T) {
	s := newFakeAWS(t)
	s.parameters["/map"] = []string{"one"}
	answers := []string{"ThrottlingException", "InternalServerError"}
	s.before = func(call string, w http.ResponseWriter) bool {
		if call != "GetParameter" || len(answers) == 0 {
			return false
		}
		status := map[string]int{"ThrottlingException": http.StatusBadRequest, "InternalServerError": http.StatusInternalServerError}[answers[0]]
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"__type":"` + answers[0] + `","message":"Rate exceeded"}`))
		answers = answers[1:]
		return true
	}
	if got, err := s.newClient().GetParameter(t.Context(), "/map"); err != nil || got.Value != "one" || s.countCalls("GetParameter") != 3 {
		t.Errorf("%+v, %v after %d calls", got, err, s.countCalls("GetParameter"))
	}
	answers = []string{"ThrottlingException", "ThrottlingException", "ThrottlingException", "ThrottlingException"}
	_, err := s.newClient().GetParameter(t.Context(), "/map")
	if !errors.Is(err, ErrUnavailable) || len(answers) != 1 || ErrorKind(err) != "ThrottlingException" {
		t.Errorf("%v (kind %q), %d answers left", err, ErrorKind(err), len(answers))
	}
}

// One attempt that hangs does not fail the whole call.
func TestRetriesHungCall(t *testing.T) {
	s := newFakeAWS(t)
	s.scaling[instance], s.parameters["/map"] = "InService", []string{"one"}
	hung := map[string]bool{}
	s.before = func(call string, _ http.ResponseWriter) bool {
		s.mutex.Lock()
		first := !hung[call]
		hung[call] = true
		s.mutex.Unlock()
		if first && !strings.HasPrefix(call, "metadata ") {
			<-s.hang
		}
		return false
	}
	c := s.newClient()
	if got, err := c.GetParameter(t.Context(), "/map"); err != nil || got.Value != "one" {
		t.Errorf("%+v, %v", got, err)
	}
	if state, err := c.LifecycleState(t.Context()); err != nil || state != "InService" {
		t.Errorf("%q, %v", state, err)
	}
}

func TestParameters(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	if _, err := c.GetParameter(t.Context(), "/map"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, value := range []string{"one", "two"} {
		if err := c.PutParameter(t.Context(), "/map", value); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]Parameter{"/map": {"two", 2}, "/map:1": {"one", 1}} {
		if got, err := c.GetParameter(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := c.GetParameter(t.Context(), "/map:3"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "/map:3") {
		t.Errorf("%v", err)
	}
	answer := func(status int, text string) {
		s.withLock(func() {
			s.before = func(_ string, w http.ResponseWriter) bool {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(text))
				return true
			}
		})
	}
	answer(http.StatusOK, "<html>Log in to this network</html>")
	if _, err := c.GetParameter(t.Context(), "/map"); err == nil || !strings.Contains(err.Error(), "is not JSON") {
		t.Errorf("%v", err)
	}
	answer(http.StatusBadRequest, `{"__type":"com.amazon.coral.service#AccessDeniedException:http://internal.amazon.com/coral/","message":"not authorized"}`)
	// The test also intercepts the metadata.
	if err := s.newClient().PutParameter(t.Context(), "/map", "three"); !errors.Is(err, ErrUnavailable) || strings.Count(err.Error(),
		ErrUnavailable.Error()) != 1 {
		t.Errorf("without keys: %v", err)
	}
	before := s.countCalls("PutParameter")
	if err := c.PutParameter(t.Context(), "/map", "three"); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "role's policy") {
		t.Errorf("%v", err)
	}
	if n := s.countCalls("PutParameter") - before; n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}
}

func TestHooks(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	if _, err := c.LifecycleState(t.Context()); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), instance) {
		t.Errorf("in no group: %v", err)
	}
	if err := c.SendHeartbeat(t.Context(), "ready"); !errors.Is(err, ErrNotFound) {
		t.Errorf("in no group: %v", err)
	}
	if err := c.CompleteHook(t.Context(), "ready", HookContinue); !errors.Is(err, ErrNotFound) {
		t.Errorf("in no group: %v", err)
	}
	if err := c.SetScaleInProtection(t.Context(), true); !errors.Is(err, ErrNotFound) {
		t.Errorf("in no group: %v", err)
	}
	s.withLock(func() { s.scaling[instance], s.waiting["ready"] = "Pending:Wait", true })
	if state, err := c.LifecycleState(t.Context()); err != nil || state != "Pending:Wait" {
		t.Errorf("%q, %v", state, err)
	}
	if err := c.SetScaleInProtection(t.Context(), false); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "InService") {
		t.Errorf("protection before it is in service: %v", err)
	}
	s.withLock(func() { s.scaling[instance] = "InService" })
	asked := s.countCalls("DescribeAutoScalingInstances")
	// The second call of each finds a hook that no longer waits.
	for range 2 {
		if err := errors.Join(c.SendHeartbeat(t.Context(), "ready"), c.CompleteHook(t.Context(), "ready", HookContinue),
			c.SetScaleInProtection(t.Context(), true)); err != nil {
			t.Error(err)
		}
	}
	if s.waiting["ready"] || !s.protected {
		t.Errorf("waits: %t, protected: %t", s.waiting["ready"], s.protected)
	}
	if n := s.countCalls("DescribeAutoScalingInstances"); n != asked {
		t.Errorf("the group was asked for %d times more", n-asked)
	}
	s.withLock(func() {
		s.before = func(call string, w http.ResponseWriter) bool {
			writeError(w, "autoscaling", "ValidationError", "The lifecycle hook name is too long")
			return true
		}
	})
	if err := c.CompleteHook(t.Context(), "ready", HookContinue); err == nil {
		t.Error("another refusal passed for a hook that no longer waits")
	}
}

func TestVolume(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	tags := map[string]string{"Name": "cache-shard-00", "beachhead:cache": "us-west-1"}
	find := func() Volume {
		t.Helper()
		v, err := c.FindVolume(t.Context(), tags)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if _, err := c.FindVolume(t.Context(), tags); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(),
		"Name=cache-shard-00 beachhead:cache=us-west-1") {
		t.Errorf("%v", err)
	}
	s.volumes = []*volume{
		{id: "vol-1", state: "available", name: "cache-shard-00"},
		{id: "vol-0", state: "deleting", name: "cache-shard-00"},
		{id: "vol-9", state: "available", name: "cache-shard-01", snapshot: "snap-1"},
	}
	if got, want := find(), (Volume{ID: "vol-1", State: "available", SizeGiB: 2048}); got != want {
		t.Errorf("%+v", got)
	}
	if got, err := c.FindVolume(t.Context(), map[string]string{"Name": "cache-shard-01"}); err != nil || !got.FromSnapshot {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.AttachVolume(t.Context(), "vol-1", "/dev/sdf"); err != nil {
		t.Fatal(err)
	}
	if got := find(); got.AttachedTo != instance || got.AttachmentState != "attaching" || got.State != "in-use" {
		t.Errorf("%+v", got)
	}
	if err := c.AttachVolume(t.Context(), "vol-1", "/dev/sdf"); !errors.Is(err, ErrBusy) {
		t.Errorf("attached twice: %v", err)
	}
	if err := c.DetachVolume(t.Context(), "vol-1", instance, false); err != nil || find().AttachmentState != "detaching" {
		t.Errorf("%v, %+v", err, find())
	}
	if err := c.DetachVolume(t.Context(), "vol-1", instance, true); err != nil || find().AttachedTo != "" {
		t.Errorf("%v, %+v", err, find())
	}
	if err := c.DetachVolume(t.Context(), "vol-1", instance, true); !errors.Is(err, ErrBusy) {
		t.Errorf("detached twice: %v", err)
	}
	s.volumes = append(s.volumes, &volume{id: "vol-3", state: "available", name: "cache-shard-00"})
	if _, err := c.FindVolume(t.Context(), tags); err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(),
		"vol-1, vol-3; remove the Name tag") {
		t.Errorf("two with the same tags: %v", err)
	}
}

func TestInterface(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	s.interfaces = []*networkInterface{{id: "eni-1", mac: "02:00:00:00:00:01", address: "10.42.3.10", name: "cache-shard-00"}}
	s.values["meta-data/network/interfaces/macs/02:00:00:00:00:01/subnet-ipv4-cidr-block"] = "10.42.3.0/24"
	find := func() NetworkInterface {
		t.Helper()
		i, err := c.FindNetworkInterface(t.Context(), map[string]string{"Name": "cache-shard-00"})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	free := NetworkInterface{ID: "eni-1", MAC: "02:00:00:00:00:01", Address: netip.MustParseAddr("10.42.3.10")}
	if got := find(); got != free {
		t.Errorf("%+v", got)
	}
	if n := s.countCalls("metadata dynamic/instance-identity/document"); n != 0 {
		t.Errorf("%d reads of the identity for a free interface", n)
	}
	s.withLock(func() { s.interfaces[0].holder, s.interfaces[0].attachment = successor, "eni-attach-2" })
	held := free
	held.AttachedTo, held.AttachmentID, held.AttachmentState = successor, "eni-attach-2", "attached"
	if got := find(); got != held {
		t.Errorf("of another machine: %+v", got)
	}
	if err := c.AttachNetworkInterface(t.Context(), "eni-1", 1); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if err := c.DetachNetworkInterface(t.Context(), "eni-attach-2", true); err != nil || find() != free {
		t.Errorf("%v, %+v", err, find())
	}
	if err := c.DetachNetworkInterface(t.Context(), "eni-attach-2", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("detached twice: %v", err)
	}
	if err := c.AttachNetworkInterface(t.Context(), "eni-1", 1); err != nil {
		t.Fatal(err)
	}
	if got := find(); got.AttachedTo != instance || got.SubnetPrefix != netip.MustParsePrefix("10.42.3.0/24") {
		t.Errorf("of this machine: %+v", got)
	}
	s.withLock(func() { s.interfaces[0].address = "<none>" })
	if _, err := c.FindNetworkInterface(t.Context(), map[string]string{"Name": "cache-shard-00"}); err == nil ||
		!strings.Contains(err.Error(), "eni-1") {
		t.Errorf("%v", err)
	}
}

func TestInstanceState(t *testing.T) {
	s := newFakeAWS(t)
	s.states[successor] = "shutting-down"
	for id, want := range map[string]string{successor: "shutting-down", instance: ""} {
		if got, err := s.newClient().InstanceState(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
}

func TestPublish(t *testing.T) {
	s := newFakeAWS(t)
	c := s.newClient()
	dimensions := map[string]string{"Shard": "cache-shard-00", "Stack": "us-west-1"}
	err := c.PublishMetrics(t.Context(), "Beachhead", dimensions, []Metric{
		{Name: "UsedPercent", Unit: "Percent", Value: 81.5},
		{Name: "Slots", Unit: "Count", Value: 64, Dimensions: map[string]string{"Tenant": "acme"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dimension := func(name, value string) cbor.Value {
		return cbor.Map{"Name": cbor.String(name), "Value": cbor.String(value)}
	}
	want := []cbor.Map{{
		"Namespace": cbor.String("Beachhead"),
		"MetricData": cbor.List{
			cbor.Map{
				"MetricName": cbor.String("UsedPercent"), "Unit": cbor.String("Percent"), "Value": cbor.Float64(81.5),
				"Dimensions": cbor.List{dimension("Shard", "cache-shard-00"), dimension("Stack", "us-west-1")},
			},
			cbor.Map{
				"MetricName": cbor.String("Slots"), "Unit": cbor.String("Count"), "Value": cbor.Float64(64),
				"Dimensions": cbor.List{dimension("Tenant", "acme")},
			},
		},
	}}
	if !reflect.DeepEqual(s.published, want) {
		t.Errorf("%#v", s.published)
	}
	if err := c.PublishMetrics(t.Context(), "Beachhead", dimensions, nil); err != nil || s.countCalls("PutMetricData") != 1 {
		t.Errorf("nothing to publish: %v, %d calls", err, s.countCalls("PutMetricData"))
	}
}
