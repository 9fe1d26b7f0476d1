package regionfile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// decoder walks through the nodes of a file and the Go types in parallel, and reports every mismatch.
//
// Refused: yaml's own strict decoding. It stops at the first error of a custom type, reports no path, accepts a second
// document and a null, and changes the unquoted account 012345678901 to another number.
type decoder struct {
	sourceMap
	problems problems
	visits   int
	full     bool // a limit was reached: the decoder stops
}

// Limits for one file. A real region file has a few hundred nodes.
const (
	// maxVisits limits the number of visited nodes, after aliases are followed. A few lines of nested aliases can stand for
	// billions of nodes.
	maxVisits = 100_000
	// maxProblems limits the number of reported problems of one file.
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

// countVisit counts a node and reports whether the decoder continues.
func (d *decoder) countVisit(n *yaml.Node) bool {
	d.visits++
	if d.visits > maxVisits && !d.full {
		d.reportError(n, "", "the file is too large after its aliases are expanded", "fewer or smaller aliases")
		d.full = true
	}
	return !d.full
}

// followAlias returns the node to which an alias refers, or n itself.
func followAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// decodeValue decodes a node into v. Problems carry the line of the node.
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

// decodeText decodes a type that reads itself from one scalar: a duration, size, address or range.
func (d *decoder) decodeText(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if n.Kind != yaml.ScalarNode {
		d.reportError(n, p, "is "+describeKind(n), l.describeWanted(v.Type()))
		return
	}
	// The text of err is for programmers. The wanted form helps the user more.
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil || n.Value == "" {
		d.reportError(n, p, quoteValue(n.Value)+" is not valid", l.describeWanted(v.Type()))
	}
}

var wholeNumberPattern = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// decodeScalar decodes strings, numbers and booleans. Each type accepts only its own kind of scalar.
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

// setScalar stores a scalar in v and reports whether the scalar is of v's kind.
func setScalar(n *yaml.Node, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		return n.ShortTag() == "!!str"
	case reflect.Bool:
		v.SetBool(n.Value == "true")
		return n.ShortTag() == "!!bool" && (n.Value == "true" || n.Value == "false")
	case reflect.Int, reflect.Int64:
		// Decimal numbers only. YAML reads 010 as eight, which no user means.
		i, err := strconv.ParseInt(n.Value, 10, 64)
		v.SetInt(i)
		return err == nil && n.ShortTag() == "!!int" && wholeNumberPattern.MatchString(n.Value)
	default:
		return false
	}
}

// reportWrongKind reports a node whose kind does not match v.
func (d *decoder) reportWrongKind(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	wrong, want := "is "+describeKind(n), l.describeWanted(v.Type())
	switch {
	case n.Kind != yaml.ScalarNode:
	case v.Type() == reflect.TypeFor[string]() && !l.hide:
		// The usual case is an account number without quotes.
		wrong, want = wrong+" and must be quoted", quoteValue(n.Value)
	case !l.hide:
		wrong = quoteValue(n.Value) + " " + wrong
	}
	d.reportError(n, p, wrong, want)
}

// describeKind names the kind of a node for a message.
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
