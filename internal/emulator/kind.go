package emulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// kind holds the rules of one resource type. What can be said in a table is said here; the functions do the rest.
type kind struct {
	typ string
	// prefix begins the ids that the cloud gives out; arn is a pattern of region, account and id.
	prefix, arn string
	// global things belong to the account and not to a region.
	global bool
	// hidden kinds are made by the cloud itself and cannot be asked for yet.
	hidden bool
	// missing and inUse are the API's words for a reference to nothing and for a refused delete, patterns of the id.
	missing, inUse string

	// autoName is the length that an automatic name may have; 0: the type gets none.
	autoName int
	// nameAs is the input that holds the name where that is not called name.
	nameAs string
	// defaults are the values that Terraform's schema sets; the extracted tables do not hold them.
	defaults map[string]any
	// refuse names inputs that the table has and for which there are no rules here.
	refuse []string
	// oneOf lists inputs of which exactly one must be given, notBoth those of which at most one may.
	oneOf, notBoth [][]string
	// sets, ordered and createOnly: see catalog.Comparison.
	sets, ordered, createOnly []string
	// unread names inputs that no call to the cloud tells, so that an import does not either.
	unread []string
	// volatile names outputs that any update may change: unknown in a preview of one.
	volatile []string
	refs     []ref
	// seconds is the model duration of a create where durations.yaml does not have it all; nil: as there.
	seconds func(*record) float64

	check    func(resource.PropertyMap) []catalog.Failure // rules that need no cloud: they hold in previews too
	importID func(*record) string                         // nil: the id
	create   func(*call) error                            // fills the record in
	update   func(*call) error                            // nil: nothing beyond storing the new inputs
	remove   func(*call) error                            // nil: nothing beyond what references say
	stays    func(*record) bool                           // a delete lets go of the thing and leaves it there
	live     func(*State, *record) map[string]any         // outputs that follow from other records; they win
}

// What becomes of a reference when its target is deleted, from weak to strong.
const (
	dangles = iota // stays and points to nothing, as a route to a deleted NAT gateway does
	holds          // the target cannot be deleted
	fades          // the referring thing goes with its target
	owns           // likewise, and it was the target that made it
)

// ref is a reference that records of a kind hold.
type ref struct {
	// path leads to ids in the inputs or outputs: subnetIds[], networkInterfaces[].securityGroups[].
	path string
	// to lists the types that may be meant. byName allows a name in place of an id.
	to     []string
	byName bool
	// lax leaves it to the kind's functions to refuse what leads nowhere: not all that may be meant has a record here.
	lax  bool
	when int // dangles, holds, fades or owns
}

var ownership = &ref{when: owns}

// createdWith reports whether an input can be given at creation only.
func (k *kind) createdWith(p catalog.Property, name string) bool {
	return p.CreateOnly || slices.Contains(k.createOnly, name)
}

// kinds is filled by the files of the areas.
var kinds = map[string]*kind{}

func define(list ...*kind) {
	for _, k := range list {
		kinds[k.typ] = k
	}
}

func kindOf(typ string) *kind { return kinds[typ] }

// naming is the input that holds the name.
func (k *kind) naming() string {
	if k.nameAs != "" {
		return k.nameAs
	}
	return "name"
}

// spec is the kind's entry in the property table.
func (k *kind) spec() *catalog.Resource {
	t, err := catalog.Load(packageOf(k.typ))
	if err != nil {
		return &catalog.Resource{}
	}
	if r, ok := t.Resources[k.typ]; ok {
		return r
	}
	return &catalog.Resource{}
}

// packageOf returns the provider of a type token: aws of aws:ec2/vpc:Vpc.
func packageOf(typ string) string {
	pkg, _, _ := strings.Cut(typ, ":")
	return pkg
}

// fill adds what every resource of the kind tells: its ARN, all its tags, and zero values for what is never absent.
func (k *kind) fill(r *record, out map[string]any) {
	spec := k.spec()
	add := func(name string, v any) {
		if _, ok := out[name]; !ok && (slices.Contains(spec.AlwaysSet, name) || slices.Contains(spec.Computed, name)) {
			out[name] = v
		}
	}
	if k.arn != "" {
		add("arn", fmt.Sprintf(k.arn, r.Region, r.Account, r.ID))
	}
	add("ownerId", r.Account)
	tags := map[string]any{}
	for name, v := range tagsOf(r) {
		tags[name] = v
	}
	add("tagsAll", tags)
	for _, name := range spec.AlwaysSet {
		add(name, zero(spec.Inputs[name].Type))
	}
}

// zero is the empty value of a table type; computed outputs have none there and are taken for strings.
func zero(typ string) any {
	switch {
	case typ == "boolean":
		return false
	case typ == "integer" || typ == "number":
		return 0.0
	case strings.HasPrefix(typ, "["):
		return []any{}
	case strings.HasPrefix(typ, "{") || strings.HasPrefix(typ, "@"):
		return map[string]any{}
	}
	return ""
}

// values follows a path through plain JSON and returns the non-empty strings at its end.
func values(v any, path string) []string {
	step, rest, more := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(step, "[]")
	v = obj(v)[name]
	list := []any{v}
	if isList {
		list, _ = v.([]any)
	}
	var out []string
	for _, e := range list {
		if more {
			out = append(out, values(e, rest)...)
		} else if s := str(e); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// refer returns the values of a reference, from the inputs or else from what the cloud chose.
func (r *record) refer(rule *ref) []string {
	if ids := values(r.Inputs, rule.path); len(ids) > 0 {
		return ids
	}
	return values(r.Outputs, rule.path)
}

// resolve finds the targets of all references of a record; those to nothing are left out.
func (s *State) resolve(r *record) []link {
	var links []link
	if k := kindOf(r.Type); k != nil {
		for i := range k.refs {
			for _, id := range r.refer(&k.refs[i]) {
				if target := s.target(r, &k.refs[i], id); target != nil {
					links = append(links, link{to: target.key, rule: &k.refs[i]})
				}
			}
		}
	}
	if r.Owner != nil {
		links = append(links, link{to: *r.Owner, rule: ownership})
	}
	return links
}

// target finds what a reference of a record means: by id, by ARN or by name, in the record's region; by path or link
// among Google's.
func (s *State) target(r *record, rule *ref, id string) *record {
	for _, typ := range rule.to {
		find := s.awsTarget
		if packageOf(typ) == gcpPackage {
			find = s.gcpTarget
		}
		if t := find(r, rule, typ, id); t != nil {
			return t
		}
	}
	return nil
}

func (s *State) awsTarget(r *record, rule *ref, typ, id string) *record {
	place := key{Type: typ, Account: r.Account, Region: r.Region, ID: id}
	if kindOf(typ).global {
		place.Region = ""
	}
	if t := s.records[place]; t != nil {
		return t
	}
	if !rule.byName && !strings.HasPrefix(id, "arn:") {
		return nil
	}
	for k, t := range s.byType[typ] {
		if k.Account == place.Account && k.Region == place.Region && (t.str("name") == id || s.arn(t) == strings.TrimSuffix(id, ":*")) {
			return t
		}
	}
	return nil
}

// arn is the full name of a record, as other services refer to it.
func (s *State) arn(r *record) string {
	if a := r.str("arn"); a != "" {
		return a
	}
	return fmt.Sprintf(kindOf(r.Type).arn, r.Region, r.Account, r.ID)
}
