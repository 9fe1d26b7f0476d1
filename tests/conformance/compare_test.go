//go:build conformance

package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// difference is one thing in which the two sides are not the same.
type difference struct {
	// kind is input, output, operation or resource.
	kind, typ, property string
	// where and values are for people: which resource, and what it is on either side.
	where, real, emulated string
}

func (d difference) String() string {
	return fmt.Sprintf("%s %s %s (%s): really %s, emulated %s", d.kind, d.typ, d.property, d.where, d.real, d.emulated)
}

// secret stands for every value that is secret: the two sides encrypt each under a key of its own.
const secret = "[secret]"

// signature is the key by which Pulumi marks values that are more than plain JSON.
const signature = "4dabf18193072939515e22adb298388d"

// names replaces what a cloud calls a thing by what the program calls it, so that ids can be compared.
type names struct{ pairs []string }

// chosen are outputs that a cloud chooses, which other things then refer to.
var chosen = []string{"arn", "publicIp", "tunnel1Address", "tunnel2Address"}

func namesOf(all []apitype.ResourceV3) names {
	found := map[string]string{}
	add := func(value any, called string) {
		if text, ok := value.(string); ok && len(text) > 6 {
			found[text] = cmp.Or(found[text], called)
		}
	}
	for _, r := range all {
		if !r.Custom || strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		called := "<" + r.URN.Name() + ">"
		if !given(r.Inputs, string(r.ID)) {
			add(string(r.ID), called)
		}
		for _, key := range chosen {
			add(r.Outputs[key], called+"."+key)
		}
		for i, each := range listObjects(r.Outputs["vpnInterfaces"]) {
			add(each["ipAddress"], fmt.Sprint(called, ".", i))
		}
	}
	// The longest first: an ARN holds the name.
	n := names{}
	for _, id := range slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) {
		n.pairs = append(n.pairs, id, found[id])
	}
	return n
}

// given says whether an id is a name that the program or the engine chose, rather than a cloud.
func given(inputs map[string]any, id string) bool {
	for _, value := range inputs {
		if value == id {
			return true
		}
	}
	return false
}

// form is the form of an id: which kind, and what the cloud put together for it.
func form(id string) string {
	for _, part := range formParts {
		id = part.pattern.ReplaceAllString(id, part.form)
	}
	return id
}

var formParts = []struct {
	pattern *regexp.Regexp
	form    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<id>"},
	// The provider's own hash, without leading zeros.
	{regexp.MustCompile(`\bvpn-attachment-[0-9a-f]+`), "vpn-attachment-<id>"},
	// A route's id is its table's with a number behind it.
	{regexp.MustCompile(`-[0-9a-f]{17}[0-9]*`), "-<id>"},
	{regexp.MustCompile(`-[0-9a-f]{8}\b`), "-<id>"},
	{regexp.MustCompile(`\b[0-9A-Z]{14,}`), "<id>"},
	{suffixed, "-<random>"},
}

var (
	// times, numbered and suffixed are what is never the same twice: times, ids that are no resource's of ours, the engine's own endings of
	// names.
	times    = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT[0-9:.]+(Z|[-+]\d\d:\d\d)`)
	numbered = regexp.MustCompile(`\b([a-z]+)-[0-9a-f]{8}([0-9a-f]{9})?\b`)
	suffixed = regexp.MustCompile(`-[0-9a-f]{7}\b`)
)

// text gives a string with a cloud's names replaced, documents in one order, and GCP's links as they are within a project.
func (n names) text(v string) any {
	var document any
	if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &document) == nil {
		return n.plain(document, true)
	}
	v = strings.TrimPrefix(v, links)
	v = strings.NewReplacer(n.pairs...).Replace(v)
	v = times.ReplaceAllString(v, "<time>")
	v = numbered.ReplaceAllString(v, "$1-<id>")
	return suffixed.ReplaceAllString(v, "-<random>")
}

// plain gives a value without what means nothing: null, and with outputs everything empty. A provider that says nothing and one that says
// "none" mean the same.
func (n names) plain(value any, empties bool) any {
	switch v := value.(type) {
	case map[string]any:
		if v[signature] != nil {
			if hash, asset := v["hash"]; asset {
				return hash
			}
			return secret
		}
		out := map[string]any{}
		for key, each := range v {
			if p := n.plain(each, empties); p != nil && !strings.HasPrefix(key, "__") {
				out[key] = p
			}
		}
		if empties && len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := []any{}
		for _, each := range v {
			if p := n.plain(each, empties); p != nil {
				out = append(out, p)
			}
		}
		// The order of a set says nothing, and here no list of outputs is more than that; nor does that of addresses, which are by chance.
		if empties || strings.Contains(fmt.Sprint(out), ".publicIp") {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		if empties && len(out) == 0 {
			return nil
		}
		return out
	case string:
		if empties && v == "" {
			return nil
		}
		return n.text(v)
	case bool:
		if empties && !v {
			return nil
		}
	case float64:
		if empties && v == 0 {
			return nil
		}
	}
	return value
}

// compareStates compares what two states say about the same program's resources.
func compareStates(real, emulated []apitype.ResourceV3) []difference {
	var all []difference
	there, here := byURN(real), byURN(emulated)
	inReal, inEmulated := namesOf(real), namesOf(emulated)
	urns := maps.Clone(there)
	maps.Copy(urns, here)
	for _, urn := range slices.Sorted(maps.Keys(urns)) {
		r, isReal := there[urn]
		e, isEmulated := here[urn]
		d := difference{typ: string(urns[urn].Type), where: urns[urn].URN.Name()}
		if !isReal || !isEmulated {
			d.kind, d.real, d.emulated = "resource", fmt.Sprint(isReal), fmt.Sprint(isEmulated)
			all = append(all, d)
			continue
		}
		d.kind = "input"
		all = append(all, d.within("", inReal.plain(r.Inputs, false), inEmulated.plain(e.Inputs, false))...)
		d.kind = "output"
		all = append(all, d.within("id", form(string(r.ID)), form(string(e.ID)))...)
		all = append(all, d.within("", inReal.plain(r.Outputs, true), inEmulated.plain(e.Outputs, true))...)
	}
	return all
}

func byURN(all []apitype.ResourceV3) map[string]apitype.ResourceV3 {
	found := map[string]apitype.ResourceV3{}
	for _, r := range all {
		if r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") {
			found[string(r.URN)] = r
		}
	}
	return found
}

// within compares two values and gives a difference for each property in which they differ, with no numbers of list elements in its name.
func (d difference) within(property string, real, emulated any) []difference {
	if reflect.DeepEqual(real, emulated) {
		return nil
	}
	r, isReal := real.(map[string]any)
	e, isEmulated := emulated.(map[string]any)
	if (isReal || real == nil) && (isEmulated || emulated == nil) {
		keys := maps.Clone(r)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, e)
		var all []difference
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			all = append(all, d.within(strings.TrimPrefix(property+"."+key, "."), r[key], e[key])...)
		}
		return all
	}
	rs, isReal := real.([]any)
	es, isEmulated := emulated.([]any)
	if isReal && isEmulated && len(rs) == len(es) {
		var all []difference
		for i := range rs {
			all = append(all, d.within(property, rs[i], es[i])...)
		}
		return all
	}
	d.property, d.real, d.emulated = property, short(real), short(emulated)
	return []difference{d}
}

func short(value any) string {
	text := fmt.Sprintf("%v", value)
	if len(text) > 160 {
		return text[:160] + "…"
	}
	return text
}

// compareChanges compares what two runs did: the kind of operation on each resource.
func compareChanges(real, emulated *engine.Changes) []difference {
	there, here := operations(real), operations(emulated)
	urns := maps.Clone(there)
	maps.Copy(urns, here)
	var all []difference
	for _, urn := range slices.Sorted(maps.Keys(urns)) {
		r, e := there[urn], here[urn]
		if r.ops != e.ops {
			all = append(all, difference{
				kind: "operation", typ: urns[urn].typ, property: cmp.Or(r.ops, "none") + " for " + cmp.Or(e.ops, "none"), where: urns[urn].name,
				real: cmp.Or(r.ops, "none") + " " + r.because, emulated: cmp.Or(e.ops, "none") + " " + e.because,
			})
		}
	}
	return all
}

// operation is what happened to one resource: all its steps.
type operation struct{ typ, name, ops, because string }

func operations(c *engine.Changes) map[string]operation {
	all := map[string]operation{}
	for _, s := range slices.Concat(c.Steps, c.Kept) {
		o := all[s.URN]
		steps := append(strings.Fields(o.ops), s.Op)
		slices.Sort(steps)
		all[s.URN] = operation{s.Type, s.Name, strings.Join(slices.Compact(steps), " "), fmt.Sprint(s.Diffs)}
	}
	return all
}
