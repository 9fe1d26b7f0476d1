package cloud

import (
	"iter"
	"maps"
	"slices"
)

// State is the emulated cloud at one moment, for reading. A state from Replay is valid during the visit only.
type State struct {
	registry *Registry
	records  map[Key]*Record
	byType   map[string]map[Key]*Record
	// links holds the targets of each record's references; users is the inverse.
	links map[Key][]resolvedReference
	users map[Key]map[Key]*Reference
	// ids and addresses count all that were ever assigned: none is assigned twice.
	ids, addresses int
}

func newState(reg *Registry) *State {
	return &State{
		registry: reg,
		records:  map[Key]*Record{},
		byType:   map[string]map[Key]*Record{},
		links:    map[Key][]resolvedReference{},
		users:    map[Key]map[Key]*Reference{},
	}
}

// setRecord stores a record, in place of the one with its key, and resolves its references now.
func (s *State) setRecord(r *Record) {
	s.dropRecord(r.Key)
	s.putRecord(r, s.resolveReferences(r))
}

func (s *State) putRecord(r *Record, links []resolvedReference) {
	s.records[r.Key] = r
	if s.byType[r.Type] == nil {
		s.byType[r.Type] = map[Key]*Record{}
	}
	s.byType[r.Type][r.Key] = r
	if len(links) > 0 {
		s.links[r.Key] = links
	}
	for _, l := range links {
		if s.users[l.to] == nil {
			s.users[l.to] = map[Key]*Reference{}
		}
		if was := s.users[l.to][r.Key]; was == nil || was.OnDelete < l.rule.OnDelete {
			s.users[l.to][r.Key] = l.rule
		}
	}
}

func (s *State) dropRecord(k Key) {
	delete(s.records, k)
	delete(s.byType[k.Type], k)
	for _, l := range s.links[k] {
		delete(s.users[l.to], k)
	}
	delete(s.links, k)
}

// KindOf returns the rules of a type, or nil.
func (s *State) KindOf(typ string) *Kind { return s.registry.KindOf(typ) }

// KeyIn returns the key of a record of a type in an account and region. The id may have any form that the type's platform accepts.
func (s *State) KeyIn(in Scope, typ, id string) Key { return s.registry.keyIn(in, typ, id) }

// RecordAt returns the record with a key, or nil. It also returns implicit records (Kind.Implicit).
func (s *State) RecordAt(k Key) *Record {
	if r := s.records[k]; r != nil {
		return r
	}
	if kind := s.KindOf(k.Type); kind != nil && kind.Implicit != nil {
		return kind.Implicit(k)
	}
	return nil
}

// RecordNear returns the record of a type with an id in the account and region of another one, or nil.
func (s *State) RecordNear(r *Record, typ, id string) *Record {
	return s.records[Key{Type: typ, Account: r.Account, Region: r.Region, ID: id}]
}

// Each iterates over the records of a type, in no order.
func (s *State) Each(typ string) iter.Seq[*Record] { return maps.Values(s.byType[typ]) }

// applyLine makes a journal line's changes.
func (s *State) applyLine(l *journalLine) {
	for _, k := range l.Gone {
		s.dropRecord(k)
	}
	for _, r := range l.Put {
		s.setRecord(r)
	}
	s.ids, s.addresses = l.IDs, l.Addresses
}

// RecordsOf lists the records of a type, in the order of their keys.
func (s *State) RecordsOf(typ string) []*Record {
	list := make([]*Record, 0, len(s.byType[typ]))
	for _, r := range s.byType[typ] {
		list = append(list, r)
	}
	return sortByKey(list)
}

func (s *State) allRecords() []*Record {
	list := make([]*Record, 0, len(s.records))
	for _, r := range s.records {
		list = append(list, r)
	}
	return sortByKey(list)
}

func sortByKey(list []*Record) []*Record {
	slices.SortFunc(list, func(a, b *Record) int { return a.compareTo(b.Key) })
	return list
}

// ReferrersOf lists the records that refer to a record, in the order of their keys.
func (s *State) ReferrersOf(k Key) []*Record {
	list := make([]*Record, 0, len(s.users[k]))
	for user := range s.users[k] {
		list = append(list, s.records[user])
	}
	return sortByKey(list)
}

// OwnedRecords lists the records that a record owns.
func (s *State) OwnedRecords(k Key) []*Record {
	var list []*Record
	for user, rule := range s.users[k] {
		if rule == ownership {
			list = append(list, s.records[user])
		}
	}
	return sortByKey(list)
}

// Get returns the resource with an id, in any region. Some types use names as ids, and names are not unique across regions: Get then
// returns the first one in the order of Resources.
func (s *State) Get(id string) (Resource, bool) {
	var first *Record
	for _, r := range s.records {
		if r.ID == id && (first == nil || r.compareTo(first.Key) < 0) {
			first = r
		}
	}
	if first == nil {
		return Resource{}, false
	}
	return s.describeRecord(first), true
}

// List returns the resources of one type (aws:ec2/subnet:Subnet), sorted.
func (s *State) List(typ string) []Resource {
	out := []Resource{}
	for _, r := range s.RecordsOf(typ) {
		out = append(out, s.describeRecord(r))
	}
	return out
}
