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
	sourceMap
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

// reportError reports a problem at a key and marks the key as broken.
func (d *decoder) reportError(n *yaml.Node, p keyPath, wrong, want string) {
	d.broken[p] = true
	if d.full {
		return
	}
	line := d.lineOf(p)
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	if len(d.problems) >= maxProblems {
		d.full = true
		p, wrong, want = "", fmt.Sprintf("more than %d problems", maxProblems), "the ones above fixed first"
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: max(line, 1), Path: string(p), Wrong: wrong, Want: want})
}

// countVisit counts a node and says whether to go on.
func (d *decoder) countVisit(n *yaml.Node) bool {
	d.visits++
	if d.visits > maxVisits && !d.full {
		d.reportError(n, "", "the file is too large after its aliases are expanded", "fewer or smaller aliases")
		d.full = true
	}
	return !d.full
}

// followAlias gives the node that an alias stands for.
func followAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// decodeValue decodes a node into v. Keys report at the line of the node.
func (d *decoder) decodeValue(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if !d.countVisit(n) {
		return
	}
	at := n
	n = followAlias(n)
	if n.ShortTag() == "!!null" {
		d.reportError(at, p, "is empty", l.describeWanted(v.Type())+", or the key removed")
		return
	}
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.decodeValue(n, v.Elem(), p, l)
		return
	case isTextType(t):
		d.decodeText(n, v, p, l)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		d.decodeStruct(n, v, p, l)
	case reflect.Map:
		d.decodeMap(n, v, p, l)
	case reflect.Slice:
		d.decodeList(n, v, p, l)
	default:
		d.decodeScalar(n, v, p, l)
	}
}

// decodeText decodes what reads itself from one scalar: durations, sizes, addresses and ranges.
func (d *decoder) decodeText(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if n.Kind != yaml.ScalarNode {
		d.reportError(n, p, "is "+describeKind(n), l.describeWanted(v.Type()))
		return
	}
	// The error's own words are for programmers; what to write says more.
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil || n.Value == "" {
		d.reportError(n, p, quoteValue(n.Value)+" is not valid", l.describeWanted(v.Type()))
	}
}

var wholeNumberPattern = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// decodeScalar decodes strings, numbers and truth values, each only from its own kind.
func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	fits := false
	if n.Kind == yaml.ScalarNode {
		fits = setScalar(n, v)
	}
	if !fits {
		d.reportWrongKind(n, v, p, l)
		return
	}
	if wrong := l.findBreach(v); wrong != "" {
		d.reportError(n, p, wrong, l.describeWanted(v.Type()))
	}
}

// setScalar stores a scalar in v when it is of v's kind.
func setScalar(n *yaml.Node, v reflect.Value) bool {
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
		return err == nil && n.ShortTag() == "!!int" && wholeNumberPattern.MatchString(n.Value)
	default:
		return false
	}
}

// reportWrongKind reports a node that is of another kind than v.
func (d *decoder) reportWrongKind(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	wrong, want := "is "+describeKind(n), l.describeWanted(v.Type())
	switch {
	case n.Kind != yaml.ScalarNode:
	case v.Type() == reflect.TypeFor[string]() && !l.hide:
		// An account number without quotes is the usual case.
		wrong, want = wrong+" and must be quoted", quoteValue(n.Value)
	case !l.hide:
		wrong = quoteValue(n.Value) + " " + wrong
	}
	d.reportError(n, p, wrong, want)
}

// describeKind says what a node is, in plain words.
func describeKind(n *yaml.Node) string {
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
		return "a string"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a boolean"
	case "!!timestamp":
		return "a date"
	}
	return "of the type " + quoteValue(n.ShortTag())
}
