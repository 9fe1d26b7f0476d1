package regionfile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// decoder walks the nodes of a file beside the Go type and reports everything that does not fit.
//
// Not yaml's own strict decoding: it stops at the first error of a custom type, gives no path, lets a second document and a
// null pass, and turns the unquoted account 012345678901 into another number.
type decoder struct {
	source
	problems problems
	visits   int
	full     bool // a bound was reached: nothing further is looked at
}

// Bounds on what one file may hold. A real region file has some hundred nodes.
const (
	// maxVisits bounds the nodes looked at, aliases followed: a few lines of aliases to aliases can stand for billions.
	maxVisits = 100_000
	// maxProblems bounds what is reported of one file.
	maxProblems = 500
)

// bad reports a problem at a key and marks the key as broken.
func (d *decoder) bad(n *yaml.Node, p place, wrong, want string) {
	d.broken[p] = true
	if d.full {
		return
	}
	line := d.line(p)
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	if len(d.problems) >= maxProblems {
		d.full = true
		p, wrong, want = "", fmt.Sprintf("more than %d problems", maxProblems), "those above mended first"
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: max(line, 1), Path: string(p), Wrong: wrong, Want: want})
}

// visit counts a node and says whether to go on.
func (d *decoder) visit(n *yaml.Node) bool {
	d.visits++
	if d.visits > maxVisits && !d.full {
		d.bad(n, "", "the file is too large once its aliases are followed", "fewer aliases, each of less")
		d.full = true
	}
	return !d.full
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// value decodes a node into v. Keys report at the line of the node.
func (d *decoder) value(n *yaml.Node, v reflect.Value, p place, l limits) {
	if !d.visit(n) {
		return
	}
	at := n
	n = follow(n)
	if n.ShortTag() == "!!null" {
		d.bad(at, p, "is empty", l.wanted(v.Type())+", or leave the key out")
		return
	}
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), p, l)
		return
	case isText(t):
		d.text(n, v, p, l)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		d.mapping(n, v, p, l)
	case reflect.Map:
		d.table(n, v, p, l)
	case reflect.Slice:
		d.list(n, v, p, l)
	default:
		d.scalar(n, v, p, l)
	}
}

// text decodes what reads itself from one scalar: durations, sizes, addresses and ranges.
func (d *decoder) text(n *yaml.Node, v reflect.Value, p place, l limits) {
	if n.Kind != yaml.ScalarNode {
		d.bad(n, p, "is "+kindName(n), l.wanted(v.Type()))
		return
	}
	// The error's own words are for programmers; what to write says more.
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil || n.Value == "" {
		d.bad(n, p, quote(n.Value)+" cannot be read", l.wanted(v.Type()))
	}
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// scalar decodes strings, numbers and truth values, each only from its own kind.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, p place, l limits) {
	fits := false
	if n.Kind == yaml.ScalarNode {
		fits = set(n, v)
	}
	if !fits {
		d.misfit(n, v, p, l)
		return
	}
	if wrong := l.breach(v); wrong != "" {
		d.bad(n, p, wrong, l.wanted(v.Type()))
	}
}

// set stores a scalar in v when it is of v's kind.
func set(n *yaml.Node, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		return n.ShortTag() == "!!str"
	case reflect.Bool:
		v.SetBool(n.Value == "true")
		return n.ShortTag() == "!!bool" && (n.Value == "true" || n.Value == "false")
	case reflect.Int, reflect.Int64:
		// Decimal only: YAML reads 010 as eight, which nobody means.
		i, err := strconv.ParseInt(n.Value, 10, 64)
		v.SetInt(i)
		return err == nil && n.ShortTag() == "!!int" && wholeNumber.MatchString(n.Value)
	default:
		return false
	}
}

// misfit reports a node that is of another kind than v.
func (d *decoder) misfit(n *yaml.Node, v reflect.Value, p place, l limits) {
	wrong, want := "is "+kindName(n), l.wanted(v.Type())
	switch {
	case n.Kind != yaml.ScalarNode:
	case v.Type() == reflect.TypeFor[string]() && !l.hide:
		// An account number without quotes is the usual case.
		wrong, want = wrong+" and not a text", "it in quotes: "+quote(n.Value)
	case !l.hide:
		wrong = quote(n.Value) + " " + wrong
	}
	d.bad(n, p, wrong, want)
}

// kindName says what a node is, in plain words.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
	default:
		return "something else"
	}
	switch n.ShortTag() {
	case "!!str":
		return "a text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a truth value"
	case "!!timestamp":
		return "a date"
	}
	return "of the type " + quote(n.ShortTag())
}
