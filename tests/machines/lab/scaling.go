//go:build machines

package lab

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

// Scaling is Auto Scaling: groups, and the hooks that hold their instances after launch and before termination.
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

// StateOf returns an instance's life-cycle state.
func (s *Scaling) StateOf(m *Machine) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].state
}

// IsProtected reports whether the instance is protected from scale-in.
func (s *Scaling) IsProtected(m *Machine) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].protected
}

// HeartbeatCount returns the number of heartbeats for a hook.
func (s *Scaling) HeartbeatCount(m *Machine, hook string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members[m.ID].heartbeats[hook]
}

// WaitInService waits until a machine has completed its launch hook.
func (l *Lab) WaitInService(m *Machine) {
	l.T.Helper()
	l.WaitFor(BootLimit, m.Name+" in service", func() error {
		if state := l.Scaling.StateOf(m); state != InService {
			return errors.New(state)
		}
		return nil
	})
}

// StartTermination starts the termination of an instance. The instance sees it in its metadata and may run until it completes its drain
// hook.
func (s *Scaling) StartTermination(m *Machine) {
	s.mutex.Lock()
	s.members[m.ID].state = TerminatingWait
	s.mutex.Unlock()
	s.lab.EC2.SetNotice(m, "autoscaling/target-lifecycle-state", Terminated)
}

func (s *Scaling) addMember(m *Machine, group string) {
	s.mutex.Lock()
	s.members[m.ID] = &member{group: group, state: PendingWait, heartbeats: map[string]int{}}
	s.mutex.Unlock()
	s.lab.EC2.SetNotice(m, "autoscaling/target-lifecycle-state", InService)
}

func (s *Scaling) serveQuery(w http.ResponseWriter, r *http.Request) {
	one, body, err := s.lab.EC2.verifyCaller(r, "autoscaling")
	if err != nil {
		s.lab.T.Errorf("Auto Scaling: %v", err)
		s.writeFault(w, faultf("SignatureDoesNotMatch", "%v", err))
		return
	}
	query, err := parseForm(body)
	if err != nil {
		s.writeFault(w, faultf("MalformedQueryString", "%v", err))
		return
	}
	action := query.values.Get("Action")
	s.lab.recordRequest(one.id, "autoscaling", action, query.values.Encode())
	do, known := map[string]func(*form) ([]element, error){
		"DescribeAutoScalingInstances": s.describeInstances, "CompleteLifecycleAction": s.completeAction,
		"RecordLifecycleActionHeartbeat": s.recordHeartbeat, "SetInstanceProtection": s.setProtection,
	}[action]
	if !known {
		s.lab.T.Errorf("Auto Scaling: %s called %s, which the lab does not have", one.id, action)
		s.writeFault(w, faultf("InvalidAction", "Could not find operation %s", action))
		return
	}
	children, err := do(query)
	if unknown := query.checkUnknown(); err == nil && unknown != nil {
		s.lab.T.Errorf("Auto Scaling: %s: %v", action, unknown)
		err = unknown
	}
	if err != nil {
		s.writeFault(w, err)
		return
	}
	root := newElement(action+"Response", newElement(action+"Result", children...),
		newElement("ResponseMetadata", newLeaf("RequestId", "lab")))
	root.XMLName.Space = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
	writeXML(w, http.StatusOK, root)
}

func (s *Scaling) writeFault(w http.ResponseWriter, err error) {
	f := faultf("InternalFailure", "%v", err)
	_ = errors.As(err, &f)
	writeXML(w, http.StatusBadRequest, newElement("ErrorResponse", newElement("Error", newLeaf("Type", "Sender"), newLeaf("Code", f.code),
		newLeaf("Message", f.message)), newLeaf("RequestId", "lab")))
}

func (s *Scaling) describeInstances(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	set := newElement("AutoScalingInstances")
	for _, id := range f.listValues("InstanceIds.member") {
		if one := s.members[id]; one != nil && one.state != Terminated {
			set.Children = append(set.Children, newElement("member", newLeaf("InstanceId", id), newLeaf("AutoScalingGroupName", one.group),
				newLeaf("LifecycleState", one.state), newLeaf("HealthStatus", "HEALTHY"), newLeaf("ProtectedFromScaleIn", one.protected)))
		}
	}
	return []element{set}, nil
}

// waitingMember returns the member that waits in a hook. The caller holds the mutex.
func (s *Scaling) waitingMember(f *form) (*member, string, string, error) {
	id, hook, group := f.getValue("InstanceId"), f.getValue("LifecycleHookName"), f.getValue("AutoScalingGroupName")
	one := s.members[id]
	if one == nil || one.group != group || map[string]string{PendingWait: "ready", TerminatingWait: "drain"}[one.state] != hook {
		return nil, "", "", faultf("ValidationError", "No active Lifecycle Action found with instance ID %s", id)
	}
	return one, id, hook, nil
}

func (s *Scaling) completeAction(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one, id, hook, err := s.waitingMember(f)
	if err != nil {
		return nil, err
	}
	switch result := f.getValue("LifecycleActionResult"); {
	case result != "CONTINUE" && result != "ABANDON":
		return nil, faultf("ValidationError", "%s is not a result", result)
	case hook == "ready" && result == "CONTINUE":
		one.state = InService
	default:
		one.state = Terminated
		go s.lab.EC2.TerminateInstance(id)
	}
	return nil, nil
}

func (s *Scaling) recordHeartbeat(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one, _, hook, err := s.waitingMember(f)
	if err != nil {
		return nil, err
	}
	one.heartbeats[hook]++
	return nil, nil
}

func (s *Scaling) setProtection(f *form) ([]element, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	group, protected := f.getValue("AutoScalingGroupName"), f.getValue("ProtectedFromScaleIn") == "true"
	for _, id := range f.listValues("InstanceIds.member") {
		one := s.members[id]
		if one == nil || one.group != group || one.state != InService {
			return nil, faultf("ValidationError", "The instance %s is not in InService or EnteringStandby or Standby.", id)
		}
		one.protected = protected
	}
	return nil, nil
}
