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
	claimPause = 2 * time.Second
	// claimPatience is for how long a claim waits before it says why; the agent then claims again.
	claimPatience = 90 * time.Second
	// dyingPatience is what a machine that shuts down gets to write out what it holds. Terminating takes most machines less, and EC2 itself takes
	// its things when it is over.
	dyingPatience = 30 * time.Second
)

// attachment is who has a thing, as EC2 says. State is attaching, attached, detaching or busy. ID is the interface's; volumes have none.
type attachment struct{ id, holder, state string }

// thing is what outlives machines: a volume or an interface.
type thing struct {
	name string
	look func(ctx context.Context) (attachment, error)
	take func(ctx context.Context) error
	// drop ends an attachment; force takes the thing from a machine that cannot let go any more.
	drop func(ctx context.Context, a attachment, force bool) error
}

// volumeThing is the data volume. Its id may be empty where it is only handed over.
func (r *Role) volumeThing(id string) thing {
	return thing{
		name: "the data volume " + r.cache.Volume,
		look: func(ctx context.Context) (attachment, error) {
			v, err := r.cloud.Volume(ctx, r.tags(r.cache.Volume))
			id = v.ID
			return attachment{holder: v.Holder, state: v.Attachment}, err
		},
		// The name is one that EC2 asks for; Linux finds the device by its serial number.
		take: func(ctx context.Context) error { return r.cloud.AttachVolume(ctx, id, "/dev/sdf") },
		drop: func(ctx context.Context, a attachment, force bool) error {
			return r.cloud.DetachVolume(ctx, id, a.holder, force)
		},
	}
}

// interfaceThing is the interface with the address that runners mount from.
func (r *Role) interfaceThing() thing {
	var id string
	return thing{
		name: "the interface " + r.cache.Interface,
		look: func(ctx context.Context) (attachment, error) {
			n, err := r.cloud.Interface(ctx, r.tags(r.cache.Interface))
			id = n.ID
			return attachment{id: n.Attachment, holder: n.Holder, state: n.State}, err
		},
		take: func(ctx context.Context) error { return r.cloud.AttachInterface(ctx, id, 1) },
		drop: func(ctx context.Context, a attachment, force bool) error {
			return r.cloud.DetachInterface(ctx, a.id, force)
		},
	}
}

type step int

const (
	wait step = iota
	ours
	take
	fence
)

// next decides what to do about a thing: state is that of the holder's machine, and dying for how long it has not been alive.
//
// A machine that lives is never fenced, however long it keeps the thing: two servers that write to one volume destroy it, and a server that does
// not let go for a minute and a half is as likely one that works as one that hangs. A group has one machine, so the older of two goes by
// itself; where it does not, a person decides.
func next(a attachment, me, state string, dying time.Duration) step {
	switch {
	case a.holder == "":
		return take
	case a.holder == me && a.state == "attached":
		return ours
	case a.holder == me:
		return wait
	}
	switch state {
	case "terminated", "stopped":
		return fence
	case "shutting-down", "stopping", "":
		// A machine that EC2 does not know may also be one that it does not know yet.
		if dying >= dyingPatience {
			return fence
		}
	}
	return wait
}

func alive(state string) bool { return state == "pending" || state == "running" }

// claimant is a machine that claims a thing.
type claimant struct {
	*Role
	me    string
	thing thing
	// at is how the thing was found last, and state that of the holder's machine.
	at    attachment
	state string
	// fenced is whose attachment was ended by force.
	fenced string
}

// claim takes a thing, and returns once EC2 says that it is attached to this machine.
func (r *Role) claim(ctx context.Context, me string, t thing) error {
	c := &claimant{Role: r, me: me, thing: t}
	for start := time.Now(); ; {
		done, err := c.try(ctx)
		if done {
			return nil
		}
		if time.Since(start) >= claimPatience {
			return c.unclaimed(err)
		}
		if stopped := host.Sleep(ctx, claimPause); stopped != nil {
			return errors.Join(stopped, c.unclaimed(err))
		}
	}
}

// try looks at the thing and does what is next about it.
func (c *claimant) try(ctx context.Context) (done bool, err error) {
	if err := c.look(ctx); err != nil {
		return false, err
	}
	switch next(c.at, c.me, c.state, c.deadFor(c.at.holder, c.state)) {
	case ours:
		return true, nil
	case take:
		// Another machine may be quicker; then EC2 refuses, and this one waits for it.
		return false, c.thing.take(ctx)
	case fence:
		return false, c.fence(ctx)
	default:
		return false, nil
	}
}

func (c *claimant) look(ctx context.Context) (err error) {
	if c.at, err = c.thing.look(ctx); err != nil {
		return err
	}
	c.state = ""
	if c.at.holder != "" && c.at.holder != c.me {
		c.state, err = c.cloud.InstanceState(ctx, c.at.holder)
	}
	return err
}

// deadFor is for how long a machine has not been alive. It is the same for all that it holds.
func (r *Role) deadFor(machine, state string) time.Duration {
	if alive(state) {
		delete(r.dead, machine)
		return 0
	}
	since, known := r.dead[machine]
	if !known {
		since = time.Now()
		r.dead[machine] = since
	}
	return time.Since(since)
}

// fence ends the attachment of a machine that is gone, by force, once. EC2 is told whose it ends, so that it never ends that of another server
// which was quicker.
func (c *claimant) fence(ctx context.Context) error {
	if c.fenced == c.at.holder {
		return nil
	}
	c.log.Warn("taking from a machine that is gone", "thing", c.thing.name, "machine", c.at.holder, "state", c.state)
	if err := c.thing.drop(ctx, c.at, true); err != nil {
		return err
	}
	c.fenced = c.at.holder
	return nil
}

// unclaimed says what the claim waits for.
func (c *claimant) unclaimed(last error) error {
	name, a := c.thing.name, c.at
	switch {
	case last != nil:
		return fmt.Errorf("waiting for %s: %w", name, last)
	case a.holder == "" || a.holder == c.me:
		return fmt.Errorf("waiting for %s: EC2 has it as %q for this machine; it is tried again", name, a.state)
	case alive(c.state):
		return fmt.Errorf("%s is %s, to %s, which is %s: it is waited for, and never taken from a machine that lives; "+
			"terminate %s if it should not be there, and this one goes on", name, a.state, a.holder, c.state, a.holder)
	default:
		return fmt.Errorf("%s is %s, to %s, which is gone; EC2 takes its time to let go of it, and it is tried again", name, a.state, a.holder)
	}
}

// handOver gives a thing back that this machine has; without force, so that EC2 waits until Linux has let go of it.
func (r *Role) handOver(ctx context.Context, me string, t thing) error {
	a, err := t.look(ctx)
	if err != nil || a.holder != me || a.state == "detaching" {
		return err
	}
	return t.drop(ctx, a, false)
}

// waitFree waits until EC2 says that this machine no longer has a thing: from a machine that goes before that, the next server would take it by
// force. One that EC2 does not let go of keeps no machine: Linux has, so that force does no harm.
func (r *Role) waitFree(ctx context.Context, me string, t thing) error {
	for start := time.Now(); ; {
		a, err := t.look(ctx)
		if err == nil && a.holder != me {
			return nil
		}
		if time.Since(start) >= dyingPatience {
			r.log.Warn("EC2 takes its time to let go; the machine goes without waiting for it", "thing", t.name, "state", a.state, "error", err)
			return nil
		}
		if stopped := host.Sleep(ctx, claimPause); stopped != nil {
			return stopped
		}
	}
}
