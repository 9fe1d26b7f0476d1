package regionfile

import (
	"reflect"
	"slices"
)

// Validate judges what the values mean, all problems at once. It expects Default to have been called. The error is nil or
// holds Problems; warnings are not among them.
func (c *Config) Validate() error { return c.findProblems().toError() }

// Warnings lists what is worth reading and stops nothing, in the order of the file. It expects Default to have been called.
func (c *Config) Warnings() []Problem { return c.findProblems().listWarnings() }

// findProblems asks the tags and then every rule.
func (c *Config) findProblems() problems {
	k := &checker{Config: c}
	k.checkLimits(reflect.ValueOf(c).Elem(), "", limits{})
	for _, r := range rules {
		r.check(k)
	}
	return k.problems
}

// Rule is one rule that a region file must keep beyond the types, bounds and patterns of its keys.
type Rule struct {
	// On is the key that the rule is about, Says the rule in a sentence.
	On, Says string

	check func(*checker)
}

// Rules lists the rules in the order of the file, those between files last. The reference page prints them.
func Rules() []Rule { return slices.Concat(rules, crossRules) }

var rules = slices.Concat(awsRules, networkRules, runnerRules, cacheRules, gcpRules, alertAndTagRules)

// checker gathers what the rules find. It keeps quiet about values that the decoder has complained of already.
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

// areIntact says whether values that a rule compares can all be judged.
func (k *checker) areIntact(ps ...keyPath) bool {
	return !slices.ContainsFunc(ps, func(p keyPath) bool { return !k.source.isIntact(p) })
}

// newProblem makes a problem at a key. A config that was made in Go has no file: it goes by the file it would have.
func (s sourceMap) newProblem(name string, p keyPath, wrong, want string, warning bool) Problem {
	file := s.file
	if file == "" {
		file = name + ".yaml"
	}
	return Problem{File: file, Line: s.lineOf(p), Path: string(p), Wrong: wrong, Want: want, Warning: warning}
}

// checkLimits checks what the tags say of every key under v. The decoder has done so for what a file writes; this is for what a
// program or Default wrote.
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
			// Zero is a number like others; only its bounds can tell whether it may stand there.
			k.reportError(p.child(f.name), "is missing", f.describeWanted(f.typ))
		case f.required:
			k.checkLimits(value, p.child(f.name), f.limits)
		}
	}
}
