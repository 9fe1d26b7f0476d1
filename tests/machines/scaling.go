//go:build machines

package machines

import (
	"errors"
	"net/http"
	"sync"
)

// The life-cycle states of an instance in a group.
const (
	PendingWait     = "Pending:Wait"
	InService       = "InService"
	TerminatingWait = "Terminating:Wait"
	Terminated      = "Terminated"
)

// Scaling is Auto Scaling: groups, and the hooks that hold their instances at both ends of their life.
type Scaling struct {
	lab     *Lab
	mutex   sync.Mutex
	members map[string]*member
}

type member struct {
	group, state string
	protected    bool
	heartbeats   map[string]int
}

// State is an instance's life-cycle state.
func (s *Scaling) State(m *Machine) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].state
}

// Protected says whether the instance is kept from being taken when its group shrinks, and Heartbeats counts those of a hook.
func (s *Scaling) Protected(m *Machine) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].protected
}

// Heartbeats counts those that a hook got.
func (s *Scaling) Heartbeats(m *Machine, hook string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].heartbeats[hook]
}

// inService waits until a machine has completed its launch hook.
func (l *Lab) inService(m *Machine) {
	l.t.Helper()
	l.Within(bootLimit, m.Name+" in service", func() error {
		if state := l.Scaling.State(m); state != InService {
			return errors.New(state)
		}
		return nil
	})
}

// Terminate orders an instance to go: it is told in its metadata, and has until it completes its drain hook.
func (s *Scaling) Terminate(m *Machine) {
	s.mutex.Lock()
	s.members[m.ID].state = TerminatingWait
	s.mutex.Unlock()
	s.lab.EC2.Notice(m, "autoscaling/target-lifecycle-state", Terminated)
}

func (s *Scaling) join(m *Machine, group string) {
	s.mutex.Lock()
	s.members[m.ID] = &member{group: group, state: PendingWait, heartbeats: map[string]int{}}
	s.mutex.Unlock()
	s.lab.EC2.Notice(m, "autoscaling/target-lifecycle-state", InService)
}

func (s *Scaling) serve(w http.ResponseWriter, r *http.Request) {
	one, body, err := s.lab.EC2.caller(r, "autoscaling")
	if err != nil {
		s.lab.t.Errorf("Auto Scaling: %v", err)
		s.fail(w, faultf("SignatureDoesNotMatch", "%v", err))
		return
	}
	query, err := parseForm(body)
	if err != nil {
		s.fail(w, faultf("MalformedQueryString", "%v", err))
		return
	}
	action := query.values.Get("Action")
	s.lab.record(one.id, "autoscaling", action, query.values.Encode())
	do, known := map[string]func(*form) ([]element, error){
		"DescribeAutoScalingInstances": s.describe, "CompleteLifecycleAction": s.complete,
		"RecordLifecycleActionHeartbeat": s.heartbeat, "SetInstanceProtection": s.protect,
	}[action]
	if !known {
		s.lab.t.Errorf("Auto Scaling: %s asked for %s, which the laboratory does not know", one.id, action)
		s.fail(w, faultf("InvalidAction", "Could not find operation %s", action))
		return
	}
	children, err := do(query)
	if unknown := query.rest(); err == nil && unknown != nil {
		s.lab.t.Errorf("Auto Scaling: %s: %v", action, unknown)
		err = unknown
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	root := el(action+"Response", el(action+"Result", children...), el("ResponseMetadata", leaf("RequestId", "lab")))
	root.XMLName.Space = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
	writeXML(w, http.StatusOK, root)
}

func (s *Scaling) fail(w http.ResponseWriter, err error) {
	f := faultf("InternalFailure", "%v", err)
	_ = errors.As(err, &f)
	writeXML(w, http.StatusBadRequest, el("ErrorResponse", el("Error", leaf("Type", "Sender"), leaf("Code", f.code), leaf("Message", f.message)), leaf("RequestId", "lab")))
}

func (s *Scaling) describe(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	set := el("AutoScalingInstances")
	for _, id := range f.list("InstanceIds.member") {
		if one := s.members[id]; one != nil && one.state != Terminated {
			set.Children = append(set.Children, el("member", leaf("InstanceId", id), leaf("AutoScalingGroupName", one.group),
				leaf("LifecycleState", one.state), leaf("HealthStatus", "HEALTHY"), leaf("ProtectedFromScaleIn", one.protected)))
		}
	}
	return []element{set}, nil
}

// waiting finds the member that waits in a hook. The caller holds the mutex.
func (s *Scaling) waiting(f *form) (*member, string, string, error) {
	id, hook, group := f.get("InstanceId"), f.get("LifecycleHookName"), f.get("AutoScalingGroupName")
	one := s.members[id]
	if one == nil || one.group != group || map[string]string{PendingWait: "ready", TerminatingWait: "drain"}[one.state] != hook {
		return nil, "", "", faultf("ValidationError", "No active Lifecycle Action found with instance ID %s", id)
	}
	return one, id, hook, nil
}

func (s *Scaling) complete(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one, id, hook, err := s.waiting(f)
	if err != nil {
		return nil, err
	}
	switch result := f.get("LifecycleActionResult"); {
	case result != "CONTINUE" && result != "ABANDON":
		return nil, faultf("ValidationError", "%s is no result", result)
	case hook == "ready" && result == "CONTINUE":
		one.state = InService
	default:
		one.state = Terminated
		go s.lab.EC2.Terminate(id)
	}
	return nil, nil
}

func (s *Scaling) heartbeat(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one, _, hook, err := s.waiting(f)
	if err != nil {
		return nil, err
	}
	one.heartbeats[hook]++
	return nil, nil
}

func (s *Scaling) protect(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	group, protected := f.get("AutoScalingGroupName"), f.get("ProtectedFromScaleIn") == "true"
	for _, id := range f.list("InstanceIds.member") {
		one := s.members[id]
		if one == nil || one.group != group || one.state != InService {
			return nil, faultf("ValidationError", "The instance %s is not in InService or EnteringStandby or Standby.", id)
		}
		one.protected = protected
	}
	return nil, nil
}
