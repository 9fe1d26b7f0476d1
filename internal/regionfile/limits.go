package regionfile

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
)

// findBreach describes how a value breaks its limits, or returns "". The decoder calls it for each value of a file. Validate
// calls it for the whole config, which a program may have created without a file.
func (l limits) findBreach(v reflect.Value) string {
	switch {
	case v.Type().Implements(enumType):
		return l.checkEnum(v.Interface().(enum), v.String())
	case isTextType(v.Type()):
		return ""
	case v.Kind() == reflect.Int, v.Kind() == reflect.Int64:
		return l.checkNumber(v.Int())
	case v.Kind() == reflect.String:
		return l.checkText(v.String())
	case v.Kind() == reflect.Slice:
		return l.checkList(v.Len())
	}
	return ""
}

func (l limits) checkEnum(e enum, s string) string {
	if isAllowed(e, s) {
		return ""
	}
	return quoteValue(s) + " is not " + e.typeNoun()
}

func (l limits) checkNumber(n int64) string {
	switch {
	case l.min != nil && n < *l.min:
		return strconv.FormatInt(n, 10) + " is too small"
	case l.max != nil && n > *l.max:
		return strconv.FormatInt(n, 10) + " is too large"
	}
	return ""
}

func (l limits) checkText(s string) string {
	shown := quoteValue(s)
	if l.hide {
		shown = "the value (not printed)"
	}
	switch {
	case s == "" && l.mayBeEmpty:
		return ""
	case s == "":
		return "is empty"
	case l.maxLength > 0 && len(s) > l.maxLength:
		return fmt.Sprintf("%s is %d characters long, more than %d", shown, len(s), l.maxLength)
	case l.pattern != nil && !l.pattern.MatchString(s):
		return shown + " is not valid"
	}
	return ""
}

func (l limits) checkList(n int) string {
	switch {
	case n < l.minItems:
		return "is empty"
	case l.maxItems > 0 && n > l.maxItems:
		return fmt.Sprintf("has %d items", n)
	}
	return ""
}

// describeWanted returns what to write for a key of the given type: the want tag if the key has one, otherwise a description of
// type and limits.
func (l limits) describeWanted(t reflect.Type) string {
	if l.want != "" {
		return l.want
	}
	return l.describeType(t)
}

// textForms describes the types that read themselves from one scalar.
var textForms = map[reflect.Type]string{
	reflect.TypeFor[Duration]():     "a duration such as 10m or 1h30m",
	reflect.TypeFor[Size]():         "a size such as 200GiB or 2TiB",
	reflect.TypeFor[netip.Prefix](): "an address range such as 10.42.0.0/16",
	reflect.TypeFor[netip.Addr]():   "an IPv4 address such as 10.128.0.10",
}

func (l limits) describeType(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Implements(enumType) {
		return joinOr(reflect.Zero(t).Interface().(enum).Values())
	}
	if text, ok := textForms[t]; ok {
		return text
	}
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping with the keys " + joinAnd(listKeys(t))
	case reflect.Map:
		return "a mapping from names to values"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return l.describeNumber()
	default:
		return "a string"
	}
}

func (l limits) describeNumber() string {
	switch {
	case l.min != nil && l.max != nil:
		return fmt.Sprintf("a whole number from %d to %d", *l.min, *l.max)
	case l.min != nil:
		return fmt.Sprintf("a whole number of at least %d", *l.min)
	}
	return "a whole number"
}
