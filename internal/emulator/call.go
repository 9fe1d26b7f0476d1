package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scope is what a configured provider acts in.
type Scope struct {
	Account, Region string
}

// Call is one operation while it is checked. It works on the state itself and notes how to undo that: a refused call leaves
// no trace, and an accepted one is undone too, written to the journal and applied from there, as any other process applies it.
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
	// Failed is reported although the change stands: a group that got no machines exists.
	Failed error
}

func (c *Call) Store(r *Record) {
	c.rememberRecord(r.Key)
	c.State.setRecord(r)
}

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

// KeyOf names something of a type in the call's account and region.
func (c *Call) KeyOf(typ, id string) Key {
	return c.State.KeyIn(c.Scope, typ, id)
}

// Find returns what has an id among some types in the call's account and region, or nil.
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

// NewID gives out the next id. Ids count upwards: they are the same in every run of the same calls.
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

// LacksCapacity reports whether a zone has no machines of a type, because a fault says so.
func (c *Call) LacksCapacity(zone, typ string) bool { return c.cloud.faults.lacksCapacity(zone, typ) }

// Referenced returns the record of a type that a reference of the call's record means. checkReferences has found it before.
func (c *Call) Referenced(path, typ string) *Record { return c.State.Referenced(c.New, path, typ) }

// NewRecord starts a record of what the cloud makes by itself.
func (c *Call) NewRecord(typ, id string, owner *Record) *Record {
	r := &Record{Key: c.KeyOf(typ, id), Inputs: map[string]any{}, Outputs: map[string]any{}, Extra: map[string]any{}}
	if owner != nil {
		o := owner.Key
		r.Owner = &o
	}
	return r
}

// HasChanged says whether an input differs from what it was; everything has changed on a create.
func (c *Call) HasChanged(property string) bool {
	return c.Old == nil || fmt.Sprint(c.New.Get(property)) != fmt.Sprint(c.Old.Get(property))
}

// checkReferences refuses references to nothing and references into another VPC. Those that an update leaves alone are not looked at:
// a route whose NAT gateway is gone can still be altered.
func (c *Call) checkReferences() error {
	network := c.State.NetworkOf(c.New)
	for i := range c.Kind.References {
		rule := &c.Kind.References[i]
		for _, id := range ValuesAt(c.New.Inputs, rule.Path) {
			if c.Old != nil && slices.Contains(ValuesAt(c.Old.Inputs, rule.Path), id) {
				continue
			}
			target := c.State.FindTarget(c.New, rule, id)
			if target == nil && rule.Lenient {
				continue
			}
			if target == nil {
				return c.RefuseMissing(rule, id)
			}
			if other := c.State.NetworkOf(target); network != "" && other != "" && other != network {
				return Refuse(c.State.registry.PlatformOf(c.New.Type).MixedNetworks, rule.Path, id, other, network)
			}
		}
	}
	return nil
}

// RefuseMissing says that a reference leads nowhere, and where the id lives if it is only in another region.
func (c *Call) RefuseMissing(rule *Reference, id string) error {
	text := fmt.Sprintf(c.State.KindOf(rule.To[0]).Missing, id)
	for _, r := range c.State.allRecords() {
		if r.ID == id && slices.Contains(rule.To, r.Type) && r.Region != c.Region {
			text += fmt.Sprintf(" (in %s; it is in %s)", c.Region, r.Region)
		}
	}
	return Refuse("%s", text)
}

// CheckUnused refuses to delete what something else uses, and names all that does.
func (c *Call) CheckUnused(r *Record) error {
	var users []string
	for _, u := range c.State.ReferrersOf(r.Key) {
		if c.State.users[r.Key][u.Key].OnDelete != Block {
			continue
		}
		name := c.State.VisibleRecord(u).ID
		if !slices.Contains(users, name) && name != r.ID {
			users = append(users, name)
		}
	}
	if len(users) == 0 {
		return nil
	}
	return RefuseInUse("%s (used by %s)", fmt.Sprintf(c.State.KindOf(r.Type).InUse, r.ID), strings.Join(users, ", "))
}

// DropAll removes a record with what it owns and what fades with it.
func (c *Call) DropAll(r *Record) {
	for _, u := range c.State.ReferrersOf(r.Key) {
		if c.State.users[r.Key][u.Key].OnDelete >= Cascade {
			c.DropAll(u)
		}
	}
	c.Drop(r.Key)
}

// IsOwnedBy says whether k made r, directly or through others.
func (s *State) IsOwnedBy(r *Record, k Key) bool {
	for r != nil && r.Owner != nil {
		if *r.Owner == k {
			return true
		}
		r = s.records[*r.Owner]
	}
	return false
}

// VisibleRecord is what a user knows of a record: the NAT gateway and not its interface.
func (s *State) VisibleRecord(r *Record) *Record {
	for r.Owner != nil && s.records[*r.Owner] != nil {
		r = s.records[*r.Owner]
	}
	return r
}

// NetworkOf follows a record's references to its network, and returns an empty string when it belongs to none.
func (s *State) NetworkOf(r *Record) string {
	network := s.registry.PlatformOf(r.Type).Network
	if network == nil {
		return ""
	}
	if id := network(r); id != "" {
		return id
	}
	k := s.KindOf(r.Type)
	for i := range k.References {
		for _, id := range r.referencedIDs(&k.References[i]) {
			t := s.FindTarget(r, &k.References[i], id)
			if t == nil || t.Type == r.Type {
				continue
			}
			if id := s.NetworkOf(t); id != "" {
				return id
			}
		}
	}
	return ""
}
