package regionfile

import (
	"reflect"
	"slices"
)

// Validate checks the values against all limits and rules, and reports all problems at once. Call Default first. The error
// contains Problems and no warnings.
func (c *Config) Validate() error { return c.findProblems().toError() }

// Warnings returns the problems that stop no command, in the order of the file. Call Default first.
func (c *Config) Warnings() []Problem { return c.findProblems().listWarnings() }

// findProblems checks the limits in the tags and then every rule.
func (c *Config) findProblems() problems {
	k := &checker{Config: c}
	k.checkLimits(reflect.ValueOf(c).Elem(), "", limits{})
	for _, r := range rules {
		r.check(k)
	}
	return k.problems
}

// Rule is one rule for region files, in addition to the types, bounds and patterns of the keys.
type Rule struct {
	// On is the key of the rule. Says is the rule in one or more sentences.
	On, Says string

	check func(*checker)
}

// Rules returns the rules in the order of the file, with the rules between regions last. The reference page prints them.
func Rules() []Rule { return slices.Concat(rules, crossRules) }

var rules = slices.Concat(awsRules, networkRules, runnerRules, cacheRules, gcpRules, alertAndTagRules)

// checker collects the problems that the rules find. It ignores values that the decoder has reported already.
type checker struct {
	*Config
	problems problems
}

func (k *checker) reportError(p keyPath, wrong, want string)   { k.addProblem(p, wrong, want, false) }
func (k *checker) reportWarning(p keyPath, wrong, want string) { k.addProblem(p, wrong, want, true) }

func (k *checker) addProblem(p keyPath, wrong, want string, warning bool) {
	if !k.areIntact(p) {
		return
	}
	k.problems = append(k.problems, k.source.newProblem(k.Name, p, wrong, want, warning))
}

// areIntact reports whether a rule can compare all the values (see isIntact).
func (k *checker) areIntact(ps ...keyPath) bool {
	return !slices.ContainsFunc(ps, func(p keyPath) bool { return !k.source.isIntact(p) })
}

// newProblem creates a problem at a key. A config without a file uses the name that its file would have.
func (s sourceMap) newProblem(name string, p keyPath, wrong, want string, warning bool) Problem {
	file := s.file
	if file == "" {
		file = name + ".yaml"
	}
	return Problem{File: file, Line: s.lineOf(p), Path: string(p), Wrong: wrong, Want: want, Warning: warning}
}

// checkLimits checks the limits of every key under v. The decoder has already checked the values of a file. This check covers
// the values that a program or Default set.
func (k *checker) checkLimits(v reflect.Value, p keyPath, l limits) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if wrong := l.findBreach(v); wrong != "" {
		k.reportError(p, wrong, l.describeWanted(v.Type()))
		return
	}
	switch {
	case isTextType(v.Type()):
	case v.Kind() == reflect.Struct:
		k.checkFields(v, p)
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			k.checkLimits(v.MapIndex(key), p.child(key.String()), limits{want: describeItem(v.Type().Elem()), mayBeEmpty: true})
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			k.checkLimits(v.Index(i), p.item(i), limits{want: describeItem(v.Type().Elem())})
		}
	}
}

func (k *checker) checkFields(v reflect.Value, p keyPath) {
	for _, f := range listFields(v.Type()) {
		value := v.Field(f.index)
		switch {
		case !value.IsZero():
			k.checkLimits(value, p.child(f.name), f.limits)
		case f.required && value.Kind() != reflect.Int:
			// Zero may be a valid number. Only the bounds of the key decide.
			k.reportError(p.child(f.name), "is missing", f.describeWanted(f.typ))
		case f.required:
			k.checkLimits(value, p.child(f.name), f.limits)
		}
	}
}
