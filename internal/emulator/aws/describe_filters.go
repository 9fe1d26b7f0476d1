package aws

import (
	"regexp"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// filterValues returns the values that one filter of EC2's Describe calls compares. It refuses a filter that the emulator does not
// support: the API refuses an unknown one, and to ignore a known one would find too much.
func filterValues(name string, tags, values map[string]string) ([]string, error) {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		if v, ok := tags[key]; ok {
			return []string{v}, nil
		}
		return nil, nil
	}
	if name == "tag-key" {
		var keys []string
		for key := range tags {
			keys = append(keys, key)
		}
		return keys, nil
	}
	v, ok := values[name]
	if !ok {
		return nil, cloud.Refuse("InvalidParameterValue: The filter '%s' is invalid, or the emulator has no rules for it", name)
	}
	return []string{v}, nil
}

// matchesAny compares a value with those of a filter, in which * stands for any characters and ? for one.
func matchesAny(want []string, value string) bool {
	return slices.ContainsFunc(want, func(w string) bool {
		pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(w))
		return regexp.MustCompile("(?s)^" + pattern + "$").MatchString(value)
	})
}

// matchRecords lists the records of some types in the call's region that have all the tags and pass all the filters of a look-up. The
// argument values returns the values that filters compare, by name; tags need not be among them.
func matchRecords(c *cloud.Call, args map[string]any, types []string, values func(*cloud.Record) map[string]string) ([]*cloud.Record,
	error) {
	var list []*cloud.Record
	for _, typ := range types {
		for _, r := range c.ListHere(typ) {
			ok, err := matchesFilters(args, tagsOf(r), values(r))
			if err != nil {
				return nil, err
			}
			if ok {
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// matchesFilters reports whether tags and values match the tags and filters of a look-up.
func matchesFilters(args map[string]any, tags, values map[string]string) (bool, error) {
	for name, want := range cloud.Object(args["tags"]) {
		if got, ok := tags[name]; !ok || got != cloud.Text(want) {
			return false, nil
		}
	}
	for _, filter := range cloud.Objects(args["filters"]) {
		got, err := filterValues(cloud.Text(filter["name"]), tags, values)
		if err != nil {
			return false, err
		}
		want := cloud.Texts(filter["values"])
		if !slices.ContainsFunc(got, func(v string) bool { return matchesAny(want, v) }) {
			return false, nil
		}
	}
	return true, nil
}

// sortNewestFirst sorts records by creation time, newest first. Ids, which count upwards, break ties.
func sortNewestFirst(list []*cloud.Record, born string) []*cloud.Record {
	slices.SortFunc(list, func(a, b *cloud.Record) int {
		return slices.Compare([]string{cloud.Text(b.Extra[born]), b.ID}, []string{cloud.Text(a.Extra[born]), a.ID})
	})
	return list
}

// requireSingle returns the one match of a look-up. No match and several matches are errors, as with the real provider.
func requireSingle(list []*cloud.Record, args map[string]any) (*cloud.Record, error) {
	switch {
	case len(list) == 0:
		return nil, cloud.Refuse("Your query returned no results. Please change your search criteria and try again.")
	case len(list) > 1 && !cloud.Bool(args["mostRecent"]):
		return nil, cloud.Refuse("Your query returned more than one result. Please try a more specific search criteria, " +
			"or set `most_recent` attribute to true.")
	}
	return list[0], nil
}
