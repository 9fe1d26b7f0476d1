package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// scope is what a configured provider acts in.
type scope struct {
	account, region string
}

// call is one operation while it is checked. It works on the state itself and notes how to undo that: a refused call leaves
// no trace, and an accepted one is undone too, written to the journal and applied from there, as any other process applies it.
type call struct {
	st    *State
	cloud *Cloud
	scope
	tags    map[string]any // the provider's default ones, where they are no inputs
	queue   *queue
	now     time.Time
	kind    *kind
	rec     *record // as it is to be; nil when deleting
	old     *record // as it was; nil when creating
	touched []key
	undo    []func()
	// extra is added to the model seconds of the operation: a wait for machines.
	extra float64
	// failed is reported although the change stands: a group that got no machines exists.
	failed error
}

func (c *call) set(r *record) {
	c.remember(r.key)
	c.st.set(r)
}

func (c *call) drop(k key) {
	c.remember(k)
	c.st.drop(k)
}

func (c *call) remember(k key) {
	old, links := c.st.records[k], c.st.links[k]
	c.undo = append(c.undo, func() {
		c.st.drop(k)
		if old != nil {
			c.st.put(old, links) // and not as it would be resolved now
		}
	})
	if !slices.Contains(c.touched, k) {
		c.touched = append(c.touched, k)
	}
}

// rollBack returns the state to what it was before the call.
func (c *call) rollBack() {
	slices.Reverse(c.undo)
	for _, undo := range c.undo {
		undo()
	}
	c.undo = nil
}

// key names something of a type in the call's account and region.
func (c *call) key(typ, id string) key {
	if packageOf(typ) == gcpPackage {
		return gcpKey(c.scope, typ, id)
	}
	k := key{Type: typ, Account: c.account, Region: c.region, ID: id}
	if kindOf(typ).global {
		k.Region = ""
	}
	return k
}

// find returns what has an id among some types in the call's account and region, or nil.
func (c *call) find(id string, types ...string) *record {
	for _, typ := range types {
		if r := c.st.at(c.key(typ, id)); r != nil {
			return r
		}
	}
	return nil
}

// here lists the records of a type in the call's account and region.
func (c *call) here(typ string) []*record {
	place := c.key(typ, "")
	return slices.DeleteFunc(c.st.of(typ), func(r *record) bool {
		return r.Account != place.Account || r.Region != place.Region
	})
}

// newID gives out the next id. Ids count upwards: they are the same in every run of the same calls.
func (c *call) newID(prefix string) string {
	c.st.ids++
	return fmt.Sprintf("%s-%017x", prefix, c.st.ids)
}

// made starts a record of what the cloud makes by itself.
func (c *call) made(typ, id string, owner *record) *record {
	r := &record{key: c.key(typ, id), Inputs: map[string]any{}, Outputs: map[string]any{}, Extra: map[string]any{}}
	if owner != nil {
		o := owner.key
		r.Owner = &o
	}
	return r
}

// changed says whether an input differs from what it was; everything has changed on a create.
func (c *call) changed(property string) bool {
	return c.old == nil || fmt.Sprint(c.rec.get(property)) != fmt.Sprint(c.old.get(property))
}

// checkRefs refuses references to nothing and references into another VPC. Those that an update leaves alone are not looked at:
// a route whose NAT gateway is gone can still be altered.
func (c *call) checkRefs() error {
	network := c.st.vpcOf(c.rec)
	for i := range c.kind.refs {
		rule := &c.kind.refs[i]
		for _, id := range values(c.rec.Inputs, rule.path) {
			if c.old != nil && slices.Contains(values(c.old.Inputs, rule.path), id) {
				continue
			}
			target := c.st.target(c.rec, rule, id)
			if target == nil && rule.lax {
				continue
			}
			if target == nil {
				return c.missing(rule, id)
			}
			if other := c.st.vpcOf(target); network != "" && other != "" && other != network {
				return refused("InvalidParameterValue: %s: %s is in %s and not in %s; they belong to different networks",
					rule.path, id, other, network)
			}
		}
	}
	return nil
}

// missing says that a reference leads nowhere, and where the id lives if it is only in another region.
func (c *call) missing(rule *ref, id string) error {
	text := fmt.Sprintf(kindOf(rule.to[0]).missing, id)
	for _, r := range c.st.all() {
		if r.ID == id && slices.Contains(rule.to, r.Type) && r.Region != c.region {
			text += fmt.Sprintf(" (in %s; it is in %s)", c.region, r.Region)
		}
	}
	return refused("%s", text)
}

// checkUnused refuses to delete what something else uses, and names all that does.
func (c *call) checkUnused(r *record) error {
	var users []string
	for _, u := range c.st.usersOf(r.key) {
		if c.st.users[r.key][u.key].when != holds {
			continue
		}
		name := c.st.face(u).ID
		if !slices.Contains(users, name) && name != r.ID {
			users = append(users, name)
		}
	}
	if len(users) == 0 {
		return nil
	}
	return inUse("%s (used by %s)", fmt.Sprintf(kindOf(r.Type).inUse, r.ID), strings.Join(users, ", "))
}

// removeAll removes a record with what it owns and what fades with it.
func (c *call) removeAll(r *record) {
	for _, u := range c.st.usersOf(r.key) {
		if c.st.users[r.key][u.key].when >= fades {
			c.removeAll(u)
		}
	}
	c.drop(r.key)
}

// ownedBy says whether k made r, directly or through others.
func (s *State) ownedBy(r *record, k key) bool {
	for r != nil && r.Owner != nil {
		if *r.Owner == k {
			return true
		}
		r = s.records[*r.Owner]
	}
	return false
}

// face is what a user knows of a record: the NAT gateway and not its interface.
func (s *State) face(r *record) *record {
	for r.Owner != nil && s.records[*r.Owner] != nil {
		r = s.records[*r.Owner]
	}
	return r
}

// vpcOf follows a record's references to its VPC; empty when it is in none.
func (s *State) vpcOf(r *record) string {
	if r.Type == vpcType {
		return r.ID
	}
	if id := r.str("vpcId"); id != "" {
		return id
	}
	k := kindOf(r.Type)
	for i := range k.refs {
		for _, id := range r.refer(&k.refs[i]) {
			t := s.target(r, &k.refs[i], id)
			if t == nil || t.Type == r.Type {
				continue
			}
			if vpc := s.vpcOf(t); vpc != "" {
				return vpc
			}
		}
	}
	return ""
}
