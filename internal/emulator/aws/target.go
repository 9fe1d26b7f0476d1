package aws

import (
	"fmt"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// findTarget returns the record that a reference of r with the value id names: by id, by ARN or by name, in the account and region of r.
func findTarget(s *cloud.State, r *cloud.Record, rule *cloud.Reference, typ, id string) *cloud.Record {
	k := s.KeyIn(cloud.Scope{Account: r.Account, Region: r.Region}, typ, id)
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
func arnOf(s *cloud.State, r *cloud.Record) string {
	if a := r.Text("arn"); a != "" {
		return a
	}
	return fmt.Sprintf(s.KindOf(r.Type).ARN, r.Region, r.Account, r.ID)
}

// tagsOf reads the tags of a record; scaling groups list theirs.
func tagsOf(r *cloud.Record) map[string]string {
	tags := map[string]string{}
	for name, v := range cloud.Object(r.Get("tags")) {
		tags[name] = cloud.Text(v)
	}
	if _, list := r.Get("tags").([]any); list {
		for _, t := range cloud.Objects(r.Get("tags")) {
			tags[cloud.Text(t["key"])] = cloud.Text(t["value"])
		}
	}
	return tags
}
