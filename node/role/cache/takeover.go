package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// All three are our estimates.
const (
	claimInterval = 2 * time.Second
	// claimTimeout is the time after which a claim returns the reason why it still waits; the agent then claims again.
	claimTimeout = 90 * time.Second
	// fenceDelay is the time that a machine that shuts down has to write its data out. Most machines terminate faster,
	// and EC2 itself detaches their resources then.
	fenceDelay = 30 * time.Second
)

// attachment describes who holds a resource, according to EC2. state is attaching, attached, detaching or busy.
// interfaceAttachment is the ID of an interface's attachment; volumes have none.
type attachment struct{ interfaceAttachment, holder, state string }

// resource is a part of the shard that outlives machines: the volume or the interface.
type resource struct {
	name   string
	query  func(ctx context.Context) (attachment, error)
	attach func(ctx context.Context) error
	// detach ends an attachment; force detaches the resource from a machine that cannot release it any more.
	detach func(ctx context.Context, a attachment, force bool) error
}

// volumeResource returns the data volume. id may be empty when the volume is only released.
func (r *Role) volumeResource(id string) resource {
	return resource{
		name: "the data volume " + r.cache.Volume,
		query: func(ctx context.Context) (attachment, error) {
			v, err := r.cloud.FindVolume(ctx, r.resourceTags(r.cache.Volume))
			id = v.ID
			return attachment{holder: v.AttachedTo, state: v.AttachmentState}, err
		},
		// EC2 requires a device name; Linux finds the device by its serial number.
		attach: func(ctx context.Context) error { return r.cloud.AttachVolume(ctx, id, "/dev/sdf") },
		detach: func(ctx context.Context, a attachment, force bool) error {
			return r.cloud.DetachVolume(ctx, id, a.holder, force)
		},
	}
}

// interfaceResource returns the interface with the address that runners mount from.
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

// decideStep decides the next step of a claim. state is the state of the holder's machine, and dying the time since it
// was last alive.
//
// A machine that is alive is never fenced, however long it holds the resource. Two servers that write to one volume
// destroy it, and a server that does not release the volume for a minute and a half may work as likely as it may hang.
// A group has one machine, so that the older of two servers terminates by itself. If it does not, an operator decides.
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
		// EC2 may not know the machine any more, or it may not know it yet.
		if dying >= fenceDelay {
			return stepFence
		}
	}
	return stepWait
}

func isAlive(state string) bool { return state == "pending" || state == "running" }

// claim is the takeover of a resource by a machine.
type claim struct {
	*Role
	me       string
	resource resource
	// attached is the last known attachment of the resource, and holderState the state of its holder's machine.
	attached    attachment
	holderState string
	// fenced is the machine whose attachment was detached by force.
	fenced string
}

// claimResource takes over a resource, and returns once EC2 reports that it is attached to this machine.
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

// tryOnce queries the resource and executes the next step.
func (c *claim) tryOnce(ctx context.Context) (done bool, err error) {
	if err := c.queryHolder(ctx); err != nil {
		return false, err
	}
	switch decideStep(c.attached, c.me, c.holderState, c.measureDowntime(c.attached.holder, c.holderState)) {
	case stepDone:
		return true, nil
	case stepAttach:
		// Another machine may be faster; EC2 then refuses, and this machine waits for it.
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

// measureDowntime returns the time since a machine was last alive. All resources that it holds share that time.
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

// fenceHolder detaches a resource by force, once, from a machine that is gone. The request names the machine, so that
// it never ends the attachment of another server that was faster.
func (c *claim) fenceHolder(ctx context.Context) error {
	if c.fenced == c.attached.holder {
		return nil
	}
	c.log.Warn("detaching by force from a machine that is gone",
		"resource", c.resource.name, "machine", c.attached.holder, "state", c.holderState)
	if err := c.resource.detach(ctx, c.attached, true); err != nil {
		return err
	}
	c.fenced = c.attached.holder
	return nil
}

// explainWait returns an error with the reason why the claim waits.
func (c *claim) explainWait(last error) error {
	name, a := c.resource.name, c.attached
	switch {
	case last != nil:
		return fmt.Errorf("waiting for %s: %w", name, last)
	case a.holder == "" || a.holder == c.me:
		return fmt.Errorf("%s is not attached to this machine yet: EC2 reports the state %q; the agent retries", name, a.state)
	case isAlive(c.holderState):
		return fmt.Errorf("%s is %s, to %s, which is %s: this machine waits, because force against a machine that is alive can destroy "+
			"the data; to continue here, run `aws ec2 terminate-instances --instance-ids %s`", name, a.state, a.holder, c.holderState, a.holder)
	default:
		return fmt.Errorf("%s is %s, to %s, which is gone: EC2 has not detached it yet; the agent retries", name, a.state, a.holder)
	}
}

// releaseResource detaches a resource from this machine, without force, so that EC2 waits until Linux has released it.
func (r *Role) releaseResource(ctx context.Context, me string, t resource) error {
	a, err := t.query(ctx)
	if err != nil || a.holder != me || a.state == "detaching" {
		return err
	}
	return t.detach(ctx, a, false)
}

// awaitRelease waits until EC2 reports that this machine no longer holds a resource. If the machine terminated earlier,
// the next server would have to detach the resource by force. The wait has a limit: Linux has released the resource, so
// that force does no harm then.
func (r *Role) awaitRelease(ctx context.Context, me string, t resource) error {
	for start := time.Now(); ; {
		a, err := t.query(ctx)
		if err == nil && a.holder != me {
			return nil
		}
		if time.Since(start) >= fenceDelay {
			r.log.Warn("EC2 has not detached the resource; the machine terminates without waiting for it",
				"resource", t.name, "state", a.state, "error", err)
			return nil
		}
		if stopped := host.Sleep(ctx, claimInterval); stopped != nil {
			return stopped
		}
	}
}
