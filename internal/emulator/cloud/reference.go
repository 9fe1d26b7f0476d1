package cloud

import (
	"fmt"
	"slices"
	"strings"
)

// Referenced returns the record that the reference of the call's record at a path names. checkReferences found it before.
func (c *Call) Referenced(path, typ string) *Record { return c.State.Referenced(c.New, path, typ) }

// checkReferences refuses references to absent records and references into another network. It skips references that an update does not
// change: a route whose NAT gateway no longer exists can still change.
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

// RefuseMissing returns the error for a reference to an absent record. It names the region where the id exists, if another region has it.
func (c *Call) RefuseMissing(rule *Reference, id string) error {
	text := fmt.Sprintf(c.State.KindOf(rule.To[0]).Missing, id)
	for _, r := range c.State.allRecords() {
		if r.ID == id && slices.Contains(rule.To, r.Type) && r.Region != c.Region {
			text += fmt.Sprintf(" (in %s; it is in %s)", c.Region, r.Region)
		}
	}
	return Refuse("%s", text)
}

// CheckUnused refuses to delete a record that others use, and names them all.
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

// The effect of a target's deletion on a reference, from weak to strong.
const (
	Dangle  = iota // stays and points to nothing, as a route to a deleted NAT gateway does
	Block          // the target cannot be deleted
	Cascade        // the referring thing goes with its target
	own            // likewise, and it was the target that made it
)

// Reference is a rule for a reference that records of a kind hold.
type Reference struct {
	// Path selects the ids in the inputs or outputs: subnetIds[], networkInterfaces[].securityGroups[].
	Path string
	// To lists the possible types of the target. ByName accepts a name in place of an id.
	To     []string
	ByName bool
	// Lenient leaves it to the kind's functions to refuse an absent target, because some valid targets have no record in the emulator.
	Lenient  bool
	OnDelete int // dangles, holds, fades or owns
}

var ownership = &Reference{OnDelete: own}

// referencedIDs returns the values of a reference: those of the inputs or, when there are none, those that the cloud chose.
func (r *Record) referencedIDs(rule *Reference) []string {
	if ids := ValuesAt(r.Inputs, rule.Path); len(ids) > 0 {
		return ids
	}
	return ValuesAt(r.Outputs, rule.Path)
}

// resolveReferences returns the targets of all references of a record. It leaves out references to absent records.
func (s *State) resolveReferences(r *Record) []resolvedReference {
	var links []resolvedReference
	if k := s.KindOf(r.Type); k != nil {
		for i := range k.References {
			for _, id := range r.referencedIDs(&k.References[i]) {
				if target := s.FindTarget(r, &k.References[i], id); target != nil {
					links = append(links, resolvedReference{to: target.Key, rule: &k.References[i]})
				}
			}
		}
	}
	if r.Owner != nil {
		links = append(links, resolvedReference{to: *r.Owner, rule: ownership})
	}
	return links
}

// FindTarget returns the record that a reference of r with the value id names, or nil. The platform of the target's type decides what an
// id may look like.
func (s *State) FindTarget(r *Record, rule *Reference, id string) *Record {
	for _, typ := range rule.To {
		if t := s.registry.PlatformOf(typ).FindTarget(s, r, rule, typ, id); t != nil {
			return t
		}
	}
	return nil
}

// resolvedReference is one resolved reference of a record.
type resolvedReference struct {
	to   Key
	rule *Reference
}

// TargetOfType returns the first record of a type that a record refers to, or nil.
func (s *State) TargetOfType(r *Record, typ string) *Record {
	for _, l := range s.resolveReferences(r) {
		if l.to.Type == typ {
			return s.records[l.to]
		}
	}
	return nil
}

// Referenced returns the record of a type that the reference of r at a path names. It returns nil when r or the value is absent.
func (s *State) Referenced(r *Record, path, typ string) *Record {
	if r == nil || r.Text(path) == "" {
		return nil
	}
	return s.FindTarget(r, &Reference{To: []string{typ}}, r.Text(path))
}

// FirstReferrer returns the first record of a type that refers to a record, or nil.
func (s *State) FirstReferrer(r *Record, typ string) *Record {
	for _, u := range s.ReferrersOf(r.Key) {
		if u.Type == typ {
			return u
		}
	}
	return nil
}
