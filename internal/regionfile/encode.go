package regionfile

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// YAML returns the config as a region file. Parse reads it back to the same values. Keys that Default filled in carry the
// comment "default".
//
// Refused: yaml.Marshal. It omits every netip.Prefix, because the fields of that struct are private.
func (c *Config) YAML() ([]byte, error) {
	e := encoder{source: c.source}
	root, err := e.encodeValue(reflect.ValueOf(c).Elem(), "", false)
	if err != nil {
		return nil, fmt.Errorf("writing region %q as YAML: %w", c.Name, err)
	}
	var out bytes.Buffer
	out.WriteString("# yaml-language-server: $schema=schema.json\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("writing region %q as YAML: %w", c.Name, err)
	}
	return out.Bytes(), nil
}

// MarshalJSON returns the config with the keys, order and spelling of the region file. Because JSON is YAML, the result is a
// valid region file.
func (c *Config) MarshalJSON() ([]byte, error) {
	root, err := (&encoder{}).encodeValue(reflect.ValueOf(c).Elem(), "", false)
	if err != nil {
		return nil, fmt.Errorf("writing region %q as JSON: %w", c.Name, err)
	}
	return appendJSON(nil, root)
}

// encoder turns a config into YAML nodes.
type encoder struct{ source sourceMap }

// encodeValue returns the node of v. Lists of scalars and small mappings go on one line, as people write them. flow means
// that the parent is on one line already.
func (e *encoder) encodeValue(v reflect.Value, p keyPath, flow bool) (*yaml.Node, error) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := text.MarshalText()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return newScalarNode("!!str", string(b)), nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return e.encodeStruct(v, p, flow)
	case reflect.Map:
		return e.encodeMap(v, p)
	case reflect.Slice:
		return e.encodeList(v, p)
	case reflect.Bool:
		return newScalarNode("!!bool", strconv.FormatBool(v.Bool())), nil
	case reflect.Int, reflect.Int64:
		return newScalarNode("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case reflect.String:
		return newScalarNode("!!str", v.String()), nil
	default:
		return nil, fmt.Errorf("%s: a %s cannot be written; give the type MarshalText", p, v.Type())
	}
}

func newScalarNode(tag, value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
	if strings.Contains(value, "\n") && !fitsLiteralBlock(value) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// fitsLiteralBlock reports whether the YAML library can write a multi-line string as a literal block and read it back. The
// library chooses literal blocks for all such strings, and cannot read blocks that begin with blanks or contain tabs.
func fitsLiteralBlock(s string) bool {
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	return !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\n") && !strings.HasSuffix(s, "\n\n") && !strings.ContainsFunc(s, odd)
}

func (e *encoder) encodeStruct(v reflect.Value, p keyPath, flow bool) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if flow {
		n.Style = yaml.FlowStyle
	}
	for _, f := range listFields(v.Type()) {
		item := v.Field(f.index)
		if f.omit && item.IsZero() {
			continue
		}
		value, err := e.encodeValue(item, p.child(f.name), flow)
		if err != nil {
			return nil, err
		}
		if !flow && len(e.source.lines) > 0 && !e.source.isSet(p.child(f.name)) && value.Kind != yaml.MappingNode {
			value.LineComment = "default"
		}
		n.Content = append(n.Content, newScalarNode("!!str", f.name), value)
	}
	return n, nil
}

func (e *encoder) encodeMap(v reflect.Value, p keyPath) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	keys := make(map[string]bool, v.Len())
	for _, key := range v.MapKeys() {
		keys[key.String()] = true
	}
	for _, key := range sortedKeys(keys) {
		value, err := e.encodeValue(v.MapIndex(reflect.ValueOf(key)), p.child(key), false)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, newScalarNode("!!str", key), value)
	}
	return n, nil
}

func (e *encoder) encodeList(v reflect.Value, p keyPath) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if v.Type().Elem().Kind() != reflect.Struct || isTextType(v.Type().Elem()) {
		n.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		item, err := e.encodeValue(v.Index(i), p.item(i), true)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	return n, nil
}

// appendJSON appends a node of the encoder as JSON. It keeps the order of mappings.
func appendJSON(out []byte, n *yaml.Node) ([]byte, error) {
	opening, closing := byte('{'), byte('}')
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag != "!!str" {
			return append(out, n.Value...), nil
		}
		text, err := json.Marshal(n.Value)
		if err != nil {
			return nil, fmt.Errorf("writing %q as JSON: %w", n.Value, err)
		}
		return appendEscaped(out, text), nil
	case yaml.SequenceNode:
		opening, closing = '[', ']'
	default: // a mapping
	}
	out = append(out, opening)
	for i, item := range n.Content {
		if i > 0 {
			out = append(out, chooseSeparator(n.Kind, i))
		}
		var err error
		if out, err = appendJSON(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, closing), nil
}

// appendEscaped appends JSON text. It writes characters that YAML does not accept literally, such as U+007F, as \u escapes.
// YAML accepts all characters above U+FFFF.
func appendEscaped(out, text []byte) []byte {
	for _, r := range string(text) {
		if r <= 0xffff && !unicode.IsPrint(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// chooseSeparator returns the character before the i-th node of a mapping or list. In a mapping every second node is a value.
func chooseSeparator(kind yaml.Kind, i int) byte {
	if kind == yaml.MappingNode && i%2 == 1 {
		return ':'
	}
	return ','
}
