package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// Judgement, all three.
const (
	claimInterval = 2 * time.Second
	// claimTimeout is for how long a claim waits before it says why; the agent then claims again.
	claimTimeout = 90 * time.Second
	// fenceDelay is what a machine that shuts down gets to write out what it holds. Terminating takes most machines less, and EC2 itself takes
	// its things when it is over.
	fenceDelay = 30 * time.Second
)

// attachment is who has a thing, as EC2 says. State is attaching, attached, detaching or busy. ID is the interface's; volumes have none.
type attachment struct{ interfaceAttachment, holder, state string }

// resource is what outlives machines: a volume or an interface.
type resource struct {
	name   string
	query  func(ctx context.Context) (attachment, error)
	attach func(ctx context.Context) error
	// detach ends an attachment; force takes the thing from a machine that cannot let go any more.
	detach func(ctx context.Context, a attachment, force bool) error
}

// volumeResource is the data volume. Its id may be empty where it is only handed over.
func (r *Role) volumeResource(id string) resource {
	return resource{
		name: "the data volume " + r.cache.Volume,
		query: func(ctx context.Context) (attachment, error) {
			v, err := r.cloud.FindVolume(ctx, r.resourceTags(r.cache.Volume))
			id = v.ID
			return attachment{holder: v.AttachedTo, state: v.AttachmentState}, err
		},
		// The name is one that EC2 asks for; Linux finds the device by its serial number.
		attach: func(ctx context.Context) error { return r.cloud.AttachVolume(ctx, id, "/dev/sdf") },
		detach: func(ctx context.Context, a attachment, force bool) error {
			return r.cloud.DetachVolume(ctx, id, a.holder, force)
		},
	}
}

// interfaceResource is the interface with the address that runners mount from.
func (r *Role) interfaceResource() resource {
	var id string
	return resource{
		name: "the interface " + r.cache.Interface,
		query: func(ctx context.Context) (attachment, error) {
			n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
			id = n.ID
			return attachment{interfaceAttachment: n.AttachmentID, holder: n.AttachedTo, state: n.AttachmentState}, err
		},
		attach: func(ctx context.Context) error { return r.cloud.AttachNetworkInterface(ctx, id, 1) },
		detach: func(ctx context.Context, a attachment, force bool) error {
			return r.cloud.DetachNetworkInterface(ctx, a.interfaceAttachment, force)
		},
	}
}

type claimStep int

const (
	stepWait claimStep = iota
	stepDone
	stepAttach
	stepFence
)

// decideStep decides what to do about a thing: state is that of the holder's machine, and dying for how long it has not been alive.
//
// A machine that lives is never fenced, however long it keeps the thing: two servers that write to one volume destroy it, and a server that does
// not let go for a minute and a half is as likely one that works as one that hangs. A group has one machine, so the older of two goes by
// itself; where it does not, a person decides.
func decideStep(a attachment, me, state string, dying time.Duration) claimStep {
	switch {
	case a.holder == "":
		return stepAttach
	case a.holder == me && a.state == "attached":
		return stepDone
	case a.holder == me:
		return stepWait
	}
	switch state {
	case "terminated", "stopped":
		return stepFence
	case "shutting-down", "stopping", "":
		// A machine that EC2 does not know may also be one that it does not know yet.
		if dying >= fenceDelay {
			return stepFence
		}
	}
	return stepWait
}

func isAlive(state string) bool { return state == "pending" || state == "running" }

// claim is a machine that claims a thing.
type claim struct {
	*Role
	me       string
	resource resource
	// attached is how the thing was found last, and state that of the holder's machine.
	attached    attachment
	holderState string
	// fenced is whose attachment was ended by force.
	fenced string
}

// claimResource takes a thing, and returns once EC2 says that it is attached to this machine.
func (r *Role) claimResource(ctx context.Context, me string, t resource) error {
	c := &claim{Role: r, me: me, resource: t}
	for start := time.Now(); ; {
		done, err := c.tryOnce(ctx)
		if done {
			return nil
		}
		if time.Since(start) >= claimTimeout {
			return c.explainWait(err)
		}
		if stopped := host.Sleep(ctx, claimInterval); stopped != nil {
			return errors.Join(stopped, c.explainWait(err))
		}
	}
}

// tryOnce looks at the thing and does what is next about it.
func (c *claim) tryOnce(ctx context.Context) (done bool, err error) {
	if err := c.queryHolder(ctx); err != nil {
		return false, err
	}
	switch decideStep(c.attached, c.me, c.holderState, c.measureDowntime(c.attached.holder, c.holderState)) {
	case stepDone:
		return true, nil
	case stepAttach:
		// Another machine may be quicker; then EC2 refuses, and this one waits for it.
		return false, c.resource.attach(ctx)
	case stepFence:
		return false, c.fenceHolder(ctx)
	default:
		return false, nil
	}
}

func (c *claim) queryHolder(ctx context.Context) (err error) {
	if c.attached, err = c.resource.query(ctx); err != nil {
		return err
	}
	c.holderState = ""
	if c.attached.holder != "" && c.attached.holder != c.me {
		c.holderState, err = c.cloud.InstanceState(ctx, c.attached.holder)
	}
	return err
}

// measureDowntime is for how long a machine has not been alive. It is the same for all that it holds.
func (r *Role) measureDowntime(machine, state string) time.Duration {
	if isAlive(state) {
		delete(r.deadSince, machine)
		return 0
	}
	since, known := r.deadSince[machine]
	if !known {
		since = time.Now()
		r.deadSince[machine] = since
	}
	return time.Since(since)
}

// fenceHolder ends the attachment of a machine that is gone, by force, once. EC2 is told whose it ends, so that it never ends that of another server
// which was quicker.
func (c *claim) fenceHolder(ctx context.Context) error {
	if c.fenced == c.attached.holder {
		return nil
	}
	c.log.Warn("taking from a machine that is gone", "thing", c.resource.name, "machine", c.attached.holder, "state", c.holderState)
	if err := c.resource.detach(ctx, c.attached, true); err != nil {
		return err
	}
	c.fenced = c.attached.holder
	return nil
}

// explainWait says what the claim waits for.
func (c *claim) explainWait(last error) error {
	name, a := c.resource.name, c.attached
	switch {
	case last != nil:
		return fmt.Errorf("waiting for %s: %w", name, last)
	case a.holder == "" || a.holder == c.me:
		return fmt.Errorf("waiting for %s: EC2 has it as %q for this machine; it is tried again", name, a.state)
	case isAlive(c.holderState):
		return fmt.Errorf("%s is %s, to %s, which is %s: it is waited for, and never taken from a machine that lives; "+
			"terminate %s if it should not be there, and this one goes on", name, a.state, a.holder, c.holderState, a.holder)
	default:
		return fmt.Errorf("%s is %s, to %s, which is gone; EC2 takes its time to let go of it, and it is tried again", name, a.state, a.holder)
	}
}

// releaseResource gives a thing back that this machine has; without force, so that EC2 waits until Linux has let go of it.
func (r *Role) releaseResource(ctx context.Context, me string, t resource) error {
	a, err := t.query(ctx)
	if err != nil || a.holder != me || a.state == "detaching" {
		return err
	}
	return t.detach(ctx, a, false)
}

// awaitRelease waits until EC2 says that this machine no longer has a thing: from a machine that goes before that, the next server would take it by
// force. One that EC2 does not let go of keeps no machine: Linux has, so that force does no harm.
func (r *Role) awaitRelease(ctx context.Context, me string, t resource) error {
	for start := time.Now(); ; {
		a, err := t.query(ctx)
		if err == nil && a.holder != me {
			return nil
		}
		if time.Since(start) >= fenceDelay {
			r.log.Warn("EC2 takes its time to let go; the machine goes without waiting for it", "thing", t.name, "state", a.state, "error", err)
			return nil
		}
		if stopped := host.Sleep(ctx, claimInterval); stopped != nil {
			return stopped
		}
	}
}
