package cloud

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
