package emulator

import (
	"fmt"
	"strings"
)

// findTarget returns the record that a reference of r with the value id names: by id, by ARN or by name, in the account and region of r.
func findTarget(s *State, r *Record, rule *Reference, typ, id string) *Record {
	k := s.KeyIn(Scope{Account: r.Account, Region: r.Region}, typ, id)
	if t := s.RecordAt(k); t != nil {
		return t
	}
	if !rule.ByName && !strings.HasPrefix(id, "arn:") {
		return nil
	}
	for t := range s.Each(typ) {
		if t.Account == k.Account && t.Region == k.Region && (t.Text("name") == id || arnOf(s, t) == strings.TrimSuffix(id, ":*")) {
			return t
		}
	}
	return nil
}

// arnOf returns the full name of a record, as other services refer to it.
func arnOf(s *State, r *Record) string {
	if a := r.Text("arn"); a != "" {
		return a
	}
	return fmt.Sprintf(s.KindOf(r.Type).ARN, r.Region, r.Account, r.ID)
}
