package cloud

// IsOwnedBy reports whether the record with key k owns r, directly or through other records.
func (s *State) IsOwnedBy(r *Record, k Key) bool {
	for r != nil && r.Owner != nil {
		if *r.Owner == k {
			return true
		}
		r = s.records[*r.Owner]
	}
	return false
}

// VisibleRecord returns the record that a user knows: the NAT gateway and not its interface.
func (s *State) VisibleRecord(r *Record) *Record {
	for r.Owner != nil && s.records[*r.Owner] != nil {
		r = s.records[*r.Owner]
	}
	return r
}
