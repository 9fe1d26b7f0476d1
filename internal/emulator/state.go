package emulator

import (
	"slices"
)

// State is the emulated cloud at one moment, for reading. One that Replay hands out is valid during the visit only.
type State struct {
	records map[key]*record
	byType  map[string]map[key]*record
	// links holds, for each record, what it refers to; users is the inverse.
	links map[key][]link
	users map[key]map[key]*ref
	// ids and addresses count what was given out, ever: nothing is given out twice.
	ids, addresses int
}

// link is one resolved reference of a record.
type link struct {
	to   key
	rule *ref
}

func newState() *State {
	return &State{
		records: map[key]*record{},
		byType:  map[string]map[key]*record{},
		links:   map[key][]link{},
		users:   map[key]map[key]*ref{},
	}
}

// set puts a record in, or in place of the one with its key, and notes what it refers to as things are now.
func (s *State) set(r *record) {
	s.drop(r.key)
	s.put(r, s.resolve(r))
}

func (s *State) put(r *record, links []link) {
	s.records[r.key] = r
	if s.byType[r.Type] == nil {
		s.byType[r.Type] = map[key]*record{}
	}
	s.byType[r.Type][r.key] = r
	if len(links) > 0 {
		s.links[r.key] = links
	}
	for _, l := range links {
		if s.users[l.to] == nil {
			s.users[l.to] = map[key]*ref{}
		}
		if was := s.users[l.to][r.key]; was == nil || was.when < l.rule.when {
			s.users[l.to][r.key] = l.rule
		}
	}
}

func (s *State) drop(k key) {
	delete(s.records, k)
	delete(s.byType[k.Type], k)
	for _, l := range s.links[k] {
		delete(s.users[l.to], k)
	}
	delete(s.links, k)
}

// apply makes a journal line's changes.
func (s *State) apply(l *line) {
	for _, k := range l.Gone {
		s.drop(k)
	}
	for _, r := range l.Put {
		s.set(r)
	}
	s.ids, s.addresses = l.IDs, l.Addresses
}

// of lists the records of a type, in the order of their keys.
func (s *State) of(typ string) []*record {
	list := make([]*record, 0, len(s.byType[typ]))
	for _, r := range s.byType[typ] {
		list = append(list, r)
	}
	return ordered(list)
}

func (s *State) all() []*record {
	list := make([]*record, 0, len(s.records))
	for _, r := range s.records {
		list = append(list, r)
	}
	return ordered(list)
}

func ordered(list []*record) []*record {
	slices.SortFunc(list, func(a, b *record) int { return a.compare(b.key) })
	return list
}

// usersOf lists what refers to a record, in the order of keys.
func (s *State) usersOf(k key) []*record {
	list := make([]*record, 0, len(s.users[k]))
	for user := range s.users[k] {
		list = append(list, s.records[user])
	}
	return ordered(list)
}

// owned lists what a record made and takes along.
func (s *State) owned(k key) []*record {
	var list []*record
	for user, rule := range s.users[k] {
		if rule == ownership {
			list = append(list, s.records[user])
		}
	}
	return ordered(list)
}

// Get finds what has an id, in whatever region. Names serve some types as ids and are not unique across regions: the first is
// taken, in the order of Resources.
func (s *State) Get(id string) (Resource, bool) {
	var first *record
	for _, r := range s.records {
		if r.ID == id && (first == nil || r.compare(first.key) < 0) {
			first = r
		}
	}
	if first == nil {
		return Resource{}, false
	}
	return s.resource(first), true
}

// List returns what lives of one type (aws:ec2/subnet:Subnet), sorted.
func (s *State) List(typ string) []Resource {
	out := []Resource{}
	for _, r := range s.of(typ) {
		out = append(out, s.resource(r))
	}
	return out
}
