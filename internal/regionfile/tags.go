package regionfile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// field is one key of a struct of the region file, as its tags describe it.
//
// The tags are the only place for everything that concerns one key. Decoder, Validate, schema and reference page all read
// them: yaml (name), jsonschema (required, minimum, maximum, minItems, maxItems, maxLength, pattern), want (what to write,
// for error messages) and show:"never" (messages never contain the value).
type field struct {
	name  string
	index int
	typ   reflect.Type
	omit  bool
	limits
}

// limits are the bounds of a value, as the tags define them.
type limits struct {
	required           bool
	min, max           *int64
	minItems, maxItems int // 0: no limit
	maxLength          int // in bytes; 0: no limit
	pattern            *regexp.Regexp
	want               string
	hide               bool
	mayBeEmpty         bool // for strings: values of maps such as tags
}

var fieldCache sync.Map // reflect.Type → []field

// listFields returns the keys of a struct in the order of the source.
func listFields(t reflect.Type) []field {
	if got, ok := fieldCache.Load(t); ok {
		return got.([]field)
	}
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		out = append(out, field{
			name: name, index: i, typ: f.Type,
			omit: rest == "omitempty", limits: parseLimits(f.Tag),
		})
	}
	fieldCache.Store(t, out)
	return out
}

// listKeys returns the names of the keys of a struct.
func listKeys(t reflect.Type) []string {
	fields := listFields(t)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// parseLimits reads the tags of one field. It panics on an invalid tag, which is an error in this package that every test
// would find.
func parseLimits(tag reflect.StructTag) limits {
	l := limits{want: tag.Get("want"), hide: tag.Get("show") == "never"}
	// In the schema library, \, is a comma that does not end an option. The same applies here.
	const comma = "\x00"
	for option := range strings.SplitSeq(strings.ReplaceAll(tag.Get("jsonschema"), `\,`, comma), ",") {
		name, value, _ := strings.Cut(strings.ReplaceAll(option, comma, ","), "=")
		switch name {
		case "required":
			l.required = true
		case "minimum":
			l.min = new(parseNumber(value))
		case "maximum":
			l.max = new(parseNumber(value))
		case "minItems":
			l.minItems = int(parseNumber(value))
		case "maxItems":
			l.maxItems = int(parseNumber(value))
		case "maxLength":
			l.maxLength = int(parseNumber(value))
		case "pattern":
			l.pattern = regexp.MustCompile(value)
		}
	}
	return l
}

func parseNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("regions: a tag's number: %v", err))
	}
	return n
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// isTextType reports whether a type decodes itself from one scalar.
func isTextType(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }
