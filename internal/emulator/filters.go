package emulator

import (
	"regexp"
	"slices"
	"strings"
)

// filterValues returns the values that one filter of EC2's Describe calls compares. A filter that the emulator does not know is
// refused: the API would refuse an unknown one, and ignoring a known one would find too much.
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
		return nil, Refuse("InvalidParameterValue: The filter '%s' is invalid, or the emulator has no rules for it", name)
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
