package report

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Made is one resource as it came to be in a cloud. Name is the program's for it, Inputs and Outputs are plain JSON values, and Seconds
// is how long the cloud took to make it, without any wait for a turn.
type Made struct {
	Type, ID, Name  string
	Inputs, Outputs map[string]any
	Seconds         float64
}

// Forced puts resources on a clock on which each waits only for what the clouds force it to wait for, worked out from the values that
// the clouds gave and never from the edges that a program declared. What a run takes beyond its end is the program's own doing. Its
// critical path is the longest chain that is forced, and Ready reads it as it reads any other timeline. URNs are type and id.
//
// One resource must come before another
//
//   - if an input of the later is the earlier's id: a reference to nothing is refused. Where an id is free text that a program can choose,
//     only the whole input counts.
//   - if an input of the later is, or in a longer text such as a policy contains, a value that only the earlier's outputs hold. In a longer
//     text, what a program could have written itself does not count: the values of a thing whose id is made from its own inputs, such as
//     the ARN of a bucket, and what other outputs hold in part, such as the name of the region.
//   - if one of the rules of the clouds says so that no value shows.
//
// Tags, labels, descriptions and a thing's own name refer to nothing. Nor do numbers, and texts shorter than an IPv4 address can be: they
// would match by chance. User data is not looked into, so an edge that only it shows is missed, and the chain found is too short
// rather than too long. Pass what a program asked for: what a cloud makes by itself takes no time of its own.
func Forced(resources []Made) []Span {
	known := indexOf(resources)
	given := known.values()
	nodes := make([]Node, len(resources))
	for i, m := range resources {
		nodes[i] = Node{URN: urnOf(m), Name: m.Name, Type: m.Type, Seconds: m.Seconds, Turn: TurnOf(m.Type, m.Inputs)}
		before := known.named(i)
		for _, text := range references(m.Inputs) {
			before = append(before, given.in(text)...)
		}
		slices.Sort(before) // of two that end at once, always the same is the one that was waited for
		for _, j := range before {
			if j != i {
				nodes[i].After = append(nodes[i].After, urnOf(resources[j]))
			}
		}
	}
	return Timeline(nodes)
}

// Overhead is how much longer a run takes than the clouds force, by their last ends: 0.1 for a tenth longer. It is below zero only when
// a value matches by chance, and 0 when nothing is forced.
func Overhead(spans, forced []Span) float64 {
	least, _ := lastOf(forced)
	last, _ := lastOf(spans)
	if least.End == 0 {
		return 0
	}
	return last.End/least.End - 1
}

// shortest is how long a text must be to tell anything: as long as the shortest public IPv4 address.
const shortest = len("1.1.1.1")

func urnOf(m Made) string { return m.Type + "::" + m.ID }

// index finds resources.
type index struct {
	all  []Made
	byID map[string]int
	// told are the texts that a cloud tells of each resource, and given those of them that the program did not write.
	told, given []map[string]bool
}

// indexOf indexes resources. Of several with one id, as a bucket and its policy have, it is that of the one of which the cloud tells
// most: the thing itself.
func indexOf(resources []Made) index {
	x := index{all: resources, byID: map[string]int{}, told: make([]map[string]bool, len(resources)),
		given: make([]map[string]bool, len(resources))}
	for i, m := range resources {
		x.told[i], x.given[i] = map[string]bool{}, map[string]bool{}
		for _, text := range leaves(m.Outputs, nil) {
			x.told[i][text], x.given[i][text] = true, true
		}
		for _, text := range leaves(m.Inputs, nil) {
			x.told[i][text] = true
			delete(x.given[i], text)
		}
		if other, taken := x.byID[m.ID]; m.ID != "" && (!taken || len(x.given[i]) > len(x.given[other])) {
			x.byID[m.ID] = i
		}
	}
	return x
}

// values are those that clouds gave, with the resource that each comes from.
type values struct {
	from map[string]int
	// written are resources whose values a program could have written itself.
	written map[int]bool
	told    index
}

// values finds the ids, and the values that only one resource's outputs hold.
func (x index) values() values {
	v := values{from: map[string]int{}, written: map[int]bool{}, told: x}
	shared := map[string]bool{}
	for i, m := range x.all {
		for _, text := range leaves(m.Inputs, nil) {
			v.written[i] = v.written[i] || len(text) > 2 && contains(m.ID, text)
		}
		for text := range x.given[i] {
			if len(text) < shortest || strings.Trim(text, "0123456789") == "" || x.repeats(m, text) {
				continue
			}
			_, shared[text] = v.from[text]
			v.from[text] = i
		}
	}
	maps.DeleteFunc(v.from, func(text string, _ int) bool { return shared[text] })
	maps.Copy(v.from, x.byID)
	return v
}

// repeats says whether a value is one of something that a resource refers to by id, as the address of a NAT gateway is: it is given by
// the other.
func (x index) repeats(m Made, text string) bool {
	for _, reference := range references(m.Inputs) {
		if j, ok := x.byID[reference]; ok && reference != m.ID && x.told[j][text] {
			return true
		}
	}
	return false
}

// in lists the resources whose values a text is or contains.
func (v values) in(text string) []int {
	if i, whole := v.from[text]; whole {
		return []int{i}
	}
	var found []int
	for value, i := range v.from {
		if len(value) >= shortest && !v.written[i] && contains(text, value) && v.told.alone(value, i) {
			found = append(found, i)
		}
	}
	return found
}

// alone says whether no other resource's outputs hold a value even in part, as many hold the name of the region. An id is always its own.
func (x index) alone(value string, i int) bool {
	if _, isID := x.byID[value]; isID {
		return true
	}
	for j, given := range x.given {
		for text := range given {
			if j != i && contains(text, value) {
				return false
			}
		}
	}
	return true
}

// contains says whether a text has a value in it that neither begins nor ends within a word: vpc-1 is not in vpc-12.
func contains(text, value string) bool {
	for at := strings.Index(text, value); at >= 0; {
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(value):])
		if !inWord(before) && !inWord(after) {
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

func inWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_')
}

// unreferring are inputs that say something to people and refer to nothing. A thing's own name is one where it is not within another.
var unreferring = map[string]bool{
	"tags": true, "tagsAll": true, "tagSpecifications": true, "labels": true, "effectiveLabels": true, "pulumiLabels": true,
	"description": true, "comment": true, "alarmDescription": true, "userData": true,
}

// references are the texts in a resource's inputs that may refer to another.
func references(inputs map[string]any) []string {
	var texts []string
	for name, v := range inputs {
		if name != "name" && !unreferring[name] {
			texts = leaves(v, texts)
		}
	}
	return texts
}

// leaves adds all texts in a JSON value but tags and the like to a list.
func leaves(v any, to []string) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			to = append(to, v)
		}
	case []any:
		for _, e := range v {
			to = leaves(e, to)
		}
	case map[string]any:
		for name, e := range v {
			if !unreferring[name] {
				to = leaves(e, to)
			}
		}
	}
	return to
}
