package cloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// GivenInputs returns the names of the inputs that are set, whether their value is known or not. Empty lists and texts count as absent.
func GivenInputs(m resource.PropertyMap, names []string) []string {
	var out []string
	for _, name := range names {
		v := catalog.Bare(m[resource.PropertyKey(name)])
		empty := v.IsNull() || v.IsString() && v.StringValue() == "" || v.IsArray() && len(v.ArrayValue()) == 0
		if !empty {
			out = append(out, name)
		}
	}
	return out
}

// KnownText returns a known text among the inputs, and false when the text is absent or not known yet.
func KnownText(m resource.PropertyMap, name string) (string, bool) {
	v := catalog.Bare(m[resource.PropertyKey(name)])
	if !v.IsString() {
		return "", false
	}
	return v.StringValue(), true
}

// Inputs checks the inputs of a resource and collects the failures. A value that is absent or not known yet passes: a later check,
// before the change, sees the value that a preview does not know.
type Inputs struct {
	Values map[string]any
	path   string // the path of what is looked at, empty or with a dot at its end
	found  *[]catalog.Failure
}

// ReadInputs returns the known inputs among a resource's properties, with secrets in the clear, ready for checks.
func ReadInputs(m resource.PropertyMap) *Inputs {
	return &Inputs{Values: PlainMap(m), found: &[]catalog.Failure{}}
}

// Failures returns the failures that the checks found so far, those of nested inputs included.
func (in *Inputs) Failures() []catalog.Failure { return *in.found }

// Fail adds a failure of a property. The property's name is relative to these inputs; the failure has its whole path.
func (in *Inputs) Fail(property, format string, args ...any) {
	*in.found = append(*in.found, catalog.Failure{Property: in.path + property, Reason: fmt.Sprintf(format, args...)})
}

// Nested returns the inputs in a nested object, empty when the object is absent.
func (in *Inputs) Nested(name string) *Inputs {
	return &Inputs{Values: Object(in.Values[name]), path: in.path + name + ".", found: in.found}
}

// Items returns the inputs in each object of a list.
func (in *Inputs) Items(name string) []*Inputs {
	var out []*Inputs
	for i, o := range Objects(in.Values[name]) {
		out = append(out, &Inputs{Values: o, path: fmt.Sprintf("%s%s[%d].", in.path, name, i), found: in.found})
	}
	return out
}

// Text returns an input as text, empty when it is absent, not known yet or of another type.
func (in *Inputs) Text(name string) string { return Text(in.Values[name]) }

// Has reports whether an input is set and known.
func (in *Inputs) Has(name string) bool { return in.Values[name] != nil }

// CheckRange requires a number between two bounds, both included.
func (in *Inputs) CheckRange(name string, least, most float64) {
	if n, ok := in.Values[name].(float64); ok && (n < least || n > most) {
		in.Fail(name, "must be between %v and %v, is %v", least, most, n)
	}
}

// CheckChoice requires one of some words.
func (in *Inputs) CheckChoice(name string, words ...string) {
	if s, ok := in.Values[name].(string); ok && !slices.Contains(words, s) {
		in.Fail(name, "%q must be one of %s", s, strings.Join(words, ", "))
	}
}

// CheckEach requires every element of a list to be one of some words.
func (in *Inputs) CheckEach(name string, words ...string) {
	for _, s := range Texts(in.Values[name]) {
		if !slices.Contains(words, s) {
			in.Fail(name, "%q must be one of %s", s, strings.Join(words, ", "))
		}
	}
}

// Fresh returns the same inputs without the failures found so far.
func (in *Inputs) Fresh() *Inputs {
	return &Inputs{Values: in.Values, path: in.path, found: &[]catalog.Failure{}}
}

// Add adds failures that another check found.
func (in *Inputs) Add(failures ...catalog.Failure) { *in.found = append(*in.found, failures...) }

// CheckSupported requires one of the words that the emulator has rules for; the real cloud accepts more.
func (in *Inputs) CheckSupported(name string, words ...string) {
	if s, ok := in.Values[name].(string); ok && !slices.Contains(words, s) {
		in.Fail(name, "the emulator has rules for %s only, not for %q", strings.Join(words, ", "), s)
	}
}

// CheckPattern requires a text that matches a pattern.
func (in *Inputs) CheckPattern(name string, want *regexp.Regexp) {
	if s, ok := in.Values[name].(string); ok && !want.MatchString(s) {
		in.Fail(name, "%q must match %s", s, want)
	}
}

// RefuseUnsupported refuses properties of a nested object that the property table lists and the emulator has no rules for.
func (in *Inputs) RefuseUnsupported(names ...string) {
	for _, name := range names {
		if in.Has(name) {
			in.Fail(name, "the emulator has no rules for this property")
		}
	}
}
