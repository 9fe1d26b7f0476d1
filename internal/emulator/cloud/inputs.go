package cloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// GivenInputs returns those of some inputs that are there, known or not. Empty lists and texts count as absent.
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

// KnownText returns a known text among the inputs; false when it is absent or not known yet.
func KnownText(m resource.PropertyMap, name string) (string, bool) {
	v := catalog.Bare(m[resource.PropertyKey(name)])
	if !v.IsString() {
		return "", false
	}
	return v.StringValue(), true
}

// Inputs is a view on some inputs that collects what is wrong with them. A value that is absent or not known yet passes: what is not
// known in a preview is looked at again before the change.
type Inputs struct {
	Values map[string]any
	path   string // the path of what is looked at, empty or with a dot at its end
	found  *[]catalog.Failure
}

func ReadInputs(m resource.PropertyMap) *Inputs {
	return &Inputs{Values: PlainMap(m), found: &[]catalog.Failure{}}
}

func (l *Inputs) Failures() []catalog.Failure { return *l.found }

func (l *Inputs) Fail(property, format string, args ...any) {
	*l.found = append(*l.found, catalog.Failure{Property: l.path + property, Reason: fmt.Sprintf(format, args...)})
}

// Nested looks at a nested object, empty when there is none.
func (l *Inputs) Nested(name string) *Inputs {
	return &Inputs{Values: Object(l.Values[name]), path: l.path + name + ".", found: l.found}
}

// Items looks at the objects of a list.
func (l *Inputs) Items(name string) []*Inputs {
	var out []*Inputs
	for i, o := range Objects(l.Values[name]) {
		out = append(out, &Inputs{Values: o, path: fmt.Sprintf("%s%s[%d].", l.path, name, i), found: l.found})
	}
	return out
}

func (l *Inputs) Text(name string) string { return Text(l.Values[name]) }

func (l *Inputs) Has(name string) bool { return l.Values[name] != nil }

// CheckRange wants a number between two, both included.
func (l *Inputs) CheckRange(name string, least, most float64) {
	if n, ok := l.Values[name].(float64); ok && (n < least || n > most) {
		l.Fail(name, "must be between %v and %v, is %v", least, most, n)
	}
}

// CheckChoice wants one of some words.
func (l *Inputs) CheckChoice(name string, words ...string) {
	if s, ok := l.Values[name].(string); ok && !slices.Contains(words, s) {
		l.Fail(name, "%q must be one of %s", s, strings.Join(words, ", "))
	}
}

// CheckEach wants every element of a list to be one of some words.
func (l *Inputs) CheckEach(name string, words ...string) {
	for _, s := range Texts(l.Values[name]) {
		if !slices.Contains(words, s) {
			l.Fail(name, "%q must be one of %s", s, strings.Join(words, ", "))
		}
	}
}

// Fresh returns the same inputs without the failures that were found so far.
func (l *Inputs) Fresh() *Inputs {
	return &Inputs{Values: l.Values, path: l.path, found: &[]catalog.Failure{}}
}

// Add adds failures that were found elsewhere.
func (l *Inputs) Add(failures ...catalog.Failure) { *l.found = append(*l.found, failures...) }

// CheckSupported wants one of some words, of which the cloud knows more.
func (l *Inputs) CheckSupported(name string, words ...string) {
	if s, ok := l.Values[name].(string); ok && !slices.Contains(words, s) {
		l.Fail(name, "the emulator has rules for %s only, not for %q", strings.Join(words, ", "), s)
	}
}

func (l *Inputs) CheckPattern(name string, want *regexp.Regexp) {
	if s, ok := l.Values[name].(string); ok && !want.MatchString(s) {
		l.Fail(name, "%q must match %s", s, want)
	}
}

// RefuseUnsupported refuses properties of a nested object that the table has and for which there are no rules here.
func (l *Inputs) RefuseUnsupported(names ...string) {
	for _, name := range names {
		if l.Has(name) {
			l.Fail(name, "the emulator has no rules for this property")
		}
	}
}
