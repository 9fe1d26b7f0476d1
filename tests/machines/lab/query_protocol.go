//go:build machines

package lab

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// fault is an error with AWS's own code and message.
type fault struct{ code, message string }

func (f *fault) Error() string { return f.code + ": " + f.message }

func faultf(code, format string, args ...any) *fault {
	return &fault{code, fmt.Sprintf(format, args...)}
}

// form holds the parameters of a call of the query protocol. A parameter that no action reads is an error.
type form struct {
	values url.Values
	taken  map[string]bool
}

func parseForm(body []byte) (*form, error) {
	values, err := url.ParseQuery(string(body))
	return &form{values: values, taken: map[string]bool{"Action": true, "Version": true}}, err
}

func (f *form) getValue(name string) string {
	f.taken[name] = true
	return f.values.Get(name)
}

// listValues returns the values of NAME.1, NAME.2 and so on.
func (f *form) listValues(name string) []string {
	var all []string
	for i := 1; f.values.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		all = append(all, f.getValue(fmt.Sprintf("%s.%d", name, i)))
	}
	return all
}

// listFilters returns the values of Filter.N.Value.M by Filter.N.Name.
func (f *form) listFilters() map[string][]string {
	all := map[string][]string{}
	for i := 1; f.values.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		all[f.getValue(fmt.Sprintf("Filter.%d.Name", i))] = f.listValues(fmt.Sprintf("Filter.%d.Value", i))
	}
	return all
}

// checkUnknown returns an error that lists the parameters that no action has read.
func (f *form) checkUnknown() error {
	var unknown []string
	for name := range f.values {
		if !f.taken[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return faultf("UnknownParameter", "The parameter %s is not recognized", strings.Join(unknown, ", "))
}

// element is a node of an answer.
type element struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []element
}

func newElement(name string, children ...element) element {
	return element{XMLName: xml.Name{Local: name}, Children: children}
}

func newLeaf(name string, value any) element {
	return element{XMLName: xml.Name{Local: name}, Text: fmt.Sprint(value)}
}

func writeXML(w http.ResponseWriter, code int, root element) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(code)
	raw, err := xml.Marshal(root)
	if err != nil {
		raw = []byte(err.Error())
	}
	_, _ = w.Write(raw)
}

// tagSet returns the tags of a resource as an element.
func tagSet(tags map[string]string) element {
	set := newElement("tagSet")
	for key, value := range tags {
		set.Children = append(set.Children, newElement("item", newLeaf("key", key), newLeaf("value", value)))
	}
	return set
}

// matchesFilters reports whether a resource with these tags passes filters on tags. Other filters are errors.
func matchesFilters(tags map[string]string, filters map[string][]string) (bool, error) {
	for name, values := range filters {
		key, tag := strings.CutPrefix(name, "tag:")
		if !tag {
			return false, faultf("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if !slices.Contains(values, tags[key]) {
			return false, nil
		}
	}
	return true, nil
}
