package cloud

import (
	"fmt"
	"slices"
	"time"
)

// Scope is the account and region in which a configured provider works.
type Scope struct {
	Account, Region string
}

// Call is one operation while the cloud checks it. It works on the state itself and records how to undo that. A refused call leaves no
// trace. An accepted call is undone too: the cloud writes it to the journal and applies it from there, as any other process applies it.
type Call struct {
	State *State
	cloud *Cloud
	Scope
	Tags    map[string]any // the provider's default ones, where they are no inputs
	queue   *Queue
	Now     time.Time
	Kind    *Kind
	New     *Record // as it is to be; nil when deleting
	Old     *Record // as it was; nil when creating
	touched []Key
	undo    []func()
	// ExtraSeconds is added to the model seconds of the operation: a wait for machines.
	ExtraSeconds float64
	// Failed is reported although the change stands: a group that received no machines exists.
	Failed error
}

// Store puts a record into the state, in place of the one with the same key, and remembers how to undo that.
func (c *Call) Store(r *Record) {
	c.rememberRecord(r.Key)
	c.State.setRecord(r)
}

// Drop removes a record from the state, and remembers how to undo that.
func (c *Call) Drop(k Key) {
	c.rememberRecord(k)
	c.State.dropRecord(k)
}

func (c *Call) rememberRecord(k Key) {
	old, links := c.State.records[k], c.State.links[k]
	c.undo = append(c.undo, func() {
		c.State.dropRecord(k)
		if old != nil {
			c.State.putRecord(old, links) // and not as it would be resolved now
		}
	})
	if !slices.Contains(c.touched, k) {
		c.touched = append(c.touched, k)
	}
}

// rollBack returns the state to what it was before the call.
func (c *Call) rollBack() {
	slices.Reverse(c.undo)
	for _, undo := range c.undo {
		undo()
	}
	c.undo = nil
}

// KeyOf returns the key of a type and id in the call's account and region.
func (c *Call) KeyOf(typ, id string) Key {
	return c.State.KeyIn(c.Scope, typ, id)
}

// Find returns the record of one of some types with an id in the call's account and region, or nil.
func (c *Call) Find(id string, types ...string) *Record {
	for _, typ := range types {
		if r := c.State.RecordAt(c.KeyOf(typ, id)); r != nil {
			return r
		}
	}
	return nil
}

// ListHere lists the records of a type in the call's account and region.
func (c *Call) ListHere(typ string) []*Record {
	place := c.KeyOf(typ, "")
	return slices.DeleteFunc(c.State.RecordsOf(typ), func(r *Record) bool {
		return r.Account != place.Account || r.Region != place.Region
	})
}

// NewID returns the next id. Ids count upwards, so they are the same in every run of the same calls.
func (c *Call) NewID(prefix string) string {
	return fmt.Sprintf("%s-%017x", prefix, c.NextNumber())
}

// NextNumber returns the next number for an id of another form.
func (c *Call) NextNumber() int {
	c.State.ids++
	return c.State.ids
}

// LastNumber returns the number of the newest id.
func (c *Call) LastNumber() int { return c.State.ids }

// NextOperation returns the sequence number that the call has in the journal.
func (c *Call) NextOperation() int { return c.cloud.seq + 1 }

// CheckReachable refuses when a region does not answer.
func (c *Call) CheckReachable(region string) error { return c.cloud.CheckReachable(region) }

// LacksCapacity reports whether a fault leaves a zone without machines of a type.
func (c *Call) LacksCapacity(zone, typ string) bool { return c.cloud.faults.lacksCapacity(zone, typ) }

// NewRecord returns an empty record that the cloud creates by itself. The caller stores it.
func (c *Call) NewRecord(typ, id string, owner *Record) *Record {
	r := &Record{Key: c.KeyOf(typ, id), Inputs: map[string]any{}, Outputs: map[string]any{}, Extra: map[string]any{}}
	if owner != nil {
		o := owner.Key
		r.Owner = &o
	}
	return r
}

// HasChanged reports whether an input differs from its previous value. On a create, every input has changed.
func (c *Call) HasChanged(property string) bool {
	return c.Old == nil || fmt.Sprint(c.New.Get(property)) != fmt.Sprint(c.Old.Get(property))
}

// DropAll removes a record, the records that it owns, and the records whose reference to it cascades.
func (c *Call) DropAll(r *Record) {
	for _, u := range c.State.ReferrersOf(r.Key) {
		if c.State.users[r.Key][u.Key].OnDelete >= Cascade {
			c.DropAll(u)
		}
	}
	c.Drop(r.Key)
}
