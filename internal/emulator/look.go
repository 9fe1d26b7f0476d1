package emulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// look is a view on some inputs that collects what is wrong with them. A value that is absent or not known yet passes: what is not
// known in a preview is looked at again before the change.
type look struct {
	in    map[string]any
	at    string // the path of what is looked at, empty or with a dot at its end
	found *[]catalog.Failure
}

func lookAt(m resource.PropertyMap) *look {
	return &look{in: plainMap(m), found: &[]catalog.Failure{}}
}

func (l *look) failures() []catalog.Failure { return *l.found }

func (l *look) bad(property, format string, args ...any) {
	*l.found = append(*l.found, catalog.Failure{Property: l.at + property, Reason: fmt.Sprintf(format, args...)})
}

// under looks at a nested object, empty when there is none.
func (l *look) under(name string) *look {
	return &look{in: obj(l.in[name]), at: l.at + name + ".", found: l.found}
}

// each looks at the objects of a list.
func (l *look) each(name string) []*look {
	var out []*look
	for i, o := range objs(l.in[name]) {
		out = append(out, &look{in: o, at: fmt.Sprintf("%s%s[%d].", l.at, name, i), found: l.found})
	}
	return out
}

func (l *look) str(name string) string { return str(l.in[name]) }

func (l *look) has(name string) bool { return l.in[name] != nil }

// number wants a number between two, both included.
func (l *look) number(name string, least, most float64) {
	if n, ok := l.in[name].(float64); ok && (n < least || n > most) {
		l.bad(name, "must be between %v and %v, is %v", least, most, n)
	}
}

// choice wants one of some words.
func (l *look) choice(name string, words ...string) {
	if s, ok := l.in[name].(string); ok && !slices.Contains(words, s) {
		l.bad(name, "%q must be one of %s", s, strings.Join(words, ", "))
	}
}

// only wants one of some words, of which the cloud knows more.
func (l *look) only(name string, words ...string) {
	if s, ok := l.in[name].(string); ok && !slices.Contains(words, s) {
		l.bad(name, "the emulator has rules for %s only, not for %q", strings.Join(words, ", "), s)
	}
}

func (l *look) pattern(name string, want *regexp.Regexp) {
	if s, ok := l.in[name].(string); ok && !want.MatchString(s) {
		l.bad(name, "%q must match %s", s, want)
	}
}

// noRules refuses properties of a nested object that the table has and for which there are no rules here.
func (l *look) noRules(names ...string) {
	for _, name := range names {
		if l.has(name) {
			l.bad(name, "the emulator has no rules for this property")
		}
	}
}
