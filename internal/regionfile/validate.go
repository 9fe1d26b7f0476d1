package regionfile

import (
	"reflect"
	"slices"
)

// Validate judges what the values mean, all problems at once. It expects Default to have been called. The error is nil or
// holds Problems; warnings are not among them.
func (c *Config) Validate() error { return c.check().err() }

// Warnings lists what is worth reading and stops nothing, in the order of the file. It expects Default to have been called.
func (c *Config) Warnings() []Problem { return c.check().warnings() }

// check asks the tags and then every rule.
func (c *Config) check() problems {
	k := &checker{Config: c}
	k.tags(reflect.ValueOf(c).Elem(), "", limits{})
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

var rules = slices.Concat(placeRules, networkRules, runnerRules, cacheRules, gcpRules, labelRules)

// checker gathers what the rules find. It keeps quiet about values that the decoder has complained of already.
type checker struct {
	*Config
	problems problems
}

func (k *checker) bad(p place, wrong, want string)  { k.add(p, wrong, want, false) }
func (k *checker) warn(p place, wrong, want string) { k.add(p, wrong, want, true) }

func (k *checker) add(p place, wrong, want string, warning bool) {
	if !k.sound(p) {
		return
	}
	k.problems = append(k.problems, k.source.problem(k.Name, p, wrong, want, warning))
}

// sound says whether values that a rule compares can all be judged.
func (k *checker) sound(ps ...place) bool {
	return !slices.ContainsFunc(ps, func(p place) bool { return !k.source.sound(p) })
}

// problem makes a problem at a key. A config that was made in Go has no file: it goes by the file it would have.
func (s source) problem(name string, p place, wrong, want string, warning bool) Problem {
	file := s.file
	if file == "" {
		file = name + ".yaml"
	}
	return Problem{File: file, Line: s.line(p), Path: string(p), Wrong: wrong, Want: want, Warning: warning}
}

// tags checks what the tags say of every key under v. The decoder has done so for what a file writes; this is for what a
// program or Default wrote.
func (k *checker) tags(v reflect.Value, p place, l limits) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if wrong := l.breach(v); wrong != "" {
		k.bad(p, wrong, l.wanted(v.Type()))
		return
	}
	switch {
	case isText(v.Type()):
	case v.Kind() == reflect.Struct:
		k.fields(v, p)
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			k.tags(v.MapIndex(key), p.key(key.String()), limits{want: itemWant(v.Type().Elem()), mayBeEmpty: true})
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			k.tags(v.Index(i), p.at(i), limits{want: itemWant(v.Type().Elem())})
		}
	}
}

func (k *checker) fields(v reflect.Value, p place) {
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		switch {
		case !value.IsZero():
			k.tags(value, p.key(f.name), f.limits)
		case f.required && value.Kind() != reflect.Int:
			// Zero is a number like others; only its bounds can tell whether it may stand there.
			k.bad(p.key(f.name), "is missing", f.wanted(f.typ))
		case f.required:
			k.tags(value, p.key(f.name), f.limits)
		}
	}
}
