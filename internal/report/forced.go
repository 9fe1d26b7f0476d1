package report

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Made is one resource as a cloud created it. Name is the program's name for it, Inputs and Outputs are plain JSON values, and Seconds is
// how long the cloud took to create it, without any wait for a turn.
type Made struct {
	Type, ID, Name  string
	Inputs, Outputs map[string]any
	Seconds         float64
}

// ForcedSpans puts resources on a clock on which each waits only for what the clouds force it to wait for. It derives that from the values
// that the clouds assigned, and never from the edges that a program declared. The program causes what a run takes beyond its end. Its
// critical path is the longest forced chain, and TimesToReady reads it as any other timeline. URNs are type and id.
//
// One resource must come before another
//
//   - if an input of the later is the earlier's id, since a cloud refuses a reference to a resource that does not exist. If a program can
//     choose the id, as free text, only the whole input counts.
//   - if an input of the later is a value that only the earlier's outputs hold, or contains it in a longer text such as a policy. In a
//     longer text, values that a program could have written itself do not count: those of a resource whose id is derived from its own
//     inputs, such as the ARN of a bucket, and those that are part of other outputs, such as the name of the region.
//   - if a rule of the clouds requires it that no value shows.
//
// Tags, labels, descriptions and a resource's own name refer to nothing. Numbers and texts shorter than an IPv4 address refer to nothing
// either: they would match by chance. User data is not searched, so an edge that only user data shows is missing, and the chain is too
// short rather than too long. Pass the resources that a program declared: those that a cloud creates by itself take no time of their own.
func (t Types) ForcedSpans(resources []Made) []Span {
	known, rules := newIndex(resources), t.rules()
	assigned := known.assignedValues()
	nodes := make([]Node, len(resources))
	for i, m := range resources {
		nodes[i] = Node{URN: urnOf(m), Name: m.Name, Type: m.Type, Seconds: m.Seconds, Turn: t.TurnOf(m.Type, m.Inputs)}
		before := known.earlierByRule(i, rules)
		for _, text := range referringTexts(m.Inputs) {
			before = append(before, assigned.ownersOf(text)...)
		}
		slices.Sort(before) // of two that end at once, WaitedFor is always the same one
		for _, j := range before {
			if j != i {
				nodes[i].After = append(nodes[i].After, urnOf(resources[j]))
			}
		}
	}
	return Timeline(nodes)
}

// Overhead returns how much longer a run takes than the clouds force, by their last ends: 0.1 for a tenth longer. It is below zero only if
// a value matches by chance, and 0 if nothing is forced.
func Overhead(spans, forced []Span) float64 {
	least, _ := lastOf(forced)
	last, _ := lastOf(spans)
	if least.End == 0 {
		return 0
	}
	return last.End/least.End - 1
}

// minLength is the length of the shortest text that can refer to a resource: that of the shortest public IPv4 address.
const minLength = len("1.1.1.1")

func urnOf(m Made) string { return m.Type + "::" + m.ID }

// index finds resources.
type index struct {
	all  []Made
	byID map[string]int
	// texts are all texts of each resource, and assigned those of its outputs that are not among its inputs.
	texts, assigned []map[string]bool
}

// newIndex indexes resources. If several have one id, as a bucket and its policy do, the index has the one for which the cloud assigned the
// most values: the bucket.
func newIndex(resources []Made) index {
	n := len(resources)
	x := index{all: resources, byID: map[string]int{}, texts: make([]map[string]bool, n), assigned: make([]map[string]bool, n)}
	for i, m := range resources {
		x.texts[i], x.assigned[i] = map[string]bool{}, map[string]bool{}
		for _, text := range appendTexts(nil, m.Outputs) {
			x.texts[i][text], x.assigned[i][text] = true, true
		}
		for _, text := range appendTexts(nil, m.Inputs) {
			x.texts[i][text] = true
			delete(x.assigned[i], text)
		}
		if other, taken := x.byID[m.ID]; m.ID != "" && (!taken || len(x.assigned[i]) > len(x.assigned[other])) {
			x.byID[m.ID] = i
		}
	}
	return x
}

// assignedValues are the values that clouds assigned, with the resource of each.
type assignedValues struct {
	owner map[string]int
	// predictable are the resources whose values a program could have written itself.
	predictable map[int]bool
	index       index
}

// assignedValues finds the ids, and the values that only one resource's outputs hold.
func (x index) assignedValues() assignedValues {
	v := assignedValues{owner: map[string]int{}, predictable: map[int]bool{}, index: x}
	shared := map[string]bool{}
	for i, m := range x.all {
		for _, text := range appendTexts(nil, m.Inputs) {
			v.predictable[i] = v.predictable[i] || len(text) > 2 && containsWord(m.ID, text)
		}
		for text := range x.assigned[i] {
			if len(text) < minLength || strings.Trim(text, "0123456789") == "" || x.isRepeated(m, text) {
				continue
			}
			_, shared[text] = v.owner[text]
			v.owner[text] = i
		}
	}
	maps.DeleteFunc(v.owner, func(text string, _ int) bool { return shared[text] })
	maps.Copy(v.owner, x.byID)
	return v
}

// isRepeated reports whether a resource repeats a value of another one that it refers to by id, as a NAT gateway repeats its address.
func (x index) isRepeated(m Made, text string) bool {
	for _, reference := range referringTexts(m.Inputs) {
		if j, ok := x.byID[reference]; ok && reference != m.ID && x.texts[j][text] {
			return true
		}
	}
	return false
}

// ownersOf returns the resources whose value a text is, or whose values it contains.
func (v assignedValues) ownersOf(text string) []int {
	if i, whole := v.owner[text]; whole {
		return []int{i}
	}
	var found []int
	for value, i := range v.owner {
		if len(value) >= minLength && !v.predictable[i] && containsWord(text, value) && v.index.isUnique(value, i) {
			found = append(found, i)
		}
	}
	return found
}

// isUnique reports whether no other resource's outputs contain a value, as many contain the name of the region. An id is always unique.
func (x index) isUnique(value string, i int) bool {
	if _, isID := x.byID[value]; isID {
		return true
	}
	for j, assigned := range x.assigned {
		for text := range assigned {
			if j != i && containsWord(text, value) {
				return false
			}
		}
	}
	return true
}

// containsWord reports whether a text contains a value that neither begins nor ends within a word: vpc-12 does not contain vpc-1.
func containsWord(text, value string) bool {
	for at := strings.Index(text, value); at >= 0; {
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(value):])
		if !isWordRune(before) && !isWordRune(after) {
			return true
		}
		next := strings.Index(text[at+1:], value)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_')
}

// nonReferring are inputs for people, which refer to no resource. A resource's own name is one too, but only at the top level.
var nonReferring = map[string]bool{
	"tags": true, "tagsAll": true, "tagSpecifications": true, "labels": true, "effectiveLabels": true, "pulumiLabels": true,
	"description": true, "comment": true, "alarmDescription": true, "userData": true,
}

// referringTexts returns the texts in a resource's inputs that may refer to another resource.
func referringTexts(inputs map[string]any) []string {
	var texts []string
	for name, v := range inputs {
		if name != "name" && !nonReferring[name] {
			texts = appendTexts(texts, v)
		}
	}
	return texts
}

// appendTexts appends to a list all texts in a JSON value, without tags and other inputs that refer to nothing.
func appendTexts(to []string, v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			to = append(to, v)
		}
	case []any:
		for _, e := range v {
			to = appendTexts(to, e)
		}
	case map[string]any:
		for name, e := range v {
			if !nonReferring[name] {
				to = appendTexts(to, e)
			}
		}
	}
	return to
}
