package emulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// defaulted is where the bridge notes which inputs it filled in: an automatic name stays as long as nobody gives a fixed one.
const defaulted = resource.PropertyKey("__defaults")

func isDefaulted(m resource.PropertyMap, name string) bool {
	if !m[defaulted].IsArray() {
		return false
	}
	return slices.ContainsFunc(m[defaulted].ArrayValue(), func(v resource.PropertyValue) bool {
		return v.IsString() && v.StringValue() == name
	})
}

// complete fills in what a bridged provider does before it validates: default tags, Terraform's defaults and automatic names.
func (k *kind) complete(spec *catalog.Resource, tags map[string]any, olds, news resource.PropertyMap, req *pulumirpc.CheckRequest) error {
	delete(news, defaulted)
	var filled []string
	if spec.Inputs["tags"].Type == "{string}" && len(tags) > 0 {
		underlay(news, tags)
	}
	for _, name := range slices.Sorted(maps.Keys(k.defaults)) {
		if _, ok := news[resource.PropertyKey(name)]; !ok {
			news[resource.PropertyKey(name)] = resource.NewPropertyValue(k.defaults[name])
			filled = append(filled, name)
		}
	}
	named, err := k.name(olds, news, req)
	if err != nil {
		return err
	}
	if named {
		filled = append(filled, k.naming())
	}
	list := make([]resource.PropertyValue, len(filled))
	for i, name := range filled {
		list[i] = resource.NewProperty(name)
	}
	news[defaulted] = resource.NewProperty(list)
	return nil
}

// underlay lays the provider's default tags under those of the resource, as pulumi-aws v6 does.
func underlay(news resource.PropertyMap, tags map[string]any) {
	own := catalog.Bare(news["tags"])
	if own.IsComputed() {
		return // all of them unknown: so is the sum
	}
	sum := resource.NewPropertyMapFromMap(tags)
	if own.IsObject() {
		maps.Copy(sum, own.ObjectValue())
	}
	v := resource.NewProperty(sum)
	if news["tags"].IsSecret() {
		v = resource.MakeSecret(v)
	}
	news["tags"] = v
}

// name gives a resource without a fixed name an automatic one, the logical name and 7 hexadecimal digits from the engine's seed, or
// the one that it has got before. It says whether it did.
func (k *kind) name(olds, news resource.PropertyMap, req *pulumirpc.CheckRequest) (bool, error) {
	as := resource.PropertyKey(k.naming())
	_, named := news[as]
	_, prefixed := news[as+"Prefix"]
	if k.autoName == 0 || named || prefixed {
		return false, nil
	}
	if old, ok := olds[as]; ok && (isDefaulted(olds, k.naming()) || olds[defaulted].IsNull()) {
		news[as] = old // without the bridge's notes, after an import, any name counts as automatic
		return true, nil
	}
	auto := req.GetAutonaming()
	if auto.GetMode() == pulumirpc.CheckRequest_AutonamingOptions_DISABLE {
		return false, nil
	}
	name := auto.GetProposedName()
	if name == "" {
		var err error
		prefix := resource.URN(req.GetUrn()).Name() + "-"
		if name, err = resource.NewUniqueName(req.GetRandomSeed(), prefix, 7, k.autoName, nil); err != nil {
			return false, refused("automatic name: %v", err)
		}
	}
	news[as] = resource.NewProperty(name)
	return true, nil
}

// validate applies the rules that need no cloud.
func (k *kind) validate(news resource.PropertyMap) []catalog.Failure {
	var out []catalog.Failure
	bad := func(property, format string, args ...any) {
		out = append(out, catalog.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	for _, name := range k.refuse {
		if _, ok := news[resource.PropertyKey(name)]; ok {
			bad(name, "the emulator has no rules for this property")
		}
	}
	for _, group := range k.oneOf {
		switch n := given(news, group); {
		case len(n) == 0:
			bad(group[0], "exactly one of %s must be given, none is", strings.Join(group, ", "))
		case len(n) > 1:
			bad(n[1], "exactly one of %s must be given, %s are", strings.Join(group, ", "), strings.Join(n, " and "))
		}
	}
	for _, group := range k.notBoth {
		if n := given(news, group); len(n) > 1 {
			bad(n[1], "%s cannot be given together", strings.Join(n, " and "))
		}
	}
	if k.check != nil {
		out = append(out, k.check(news)...)
	}
	return out
}

// given returns those of some inputs that are there, known or not. Empty lists and texts count as absent.
func given(m resource.PropertyMap, names []string) []string {
	var out []string
	for _, name := range names {
		v := catalog.Bare(m[resource.PropertyKey(name)])
		empty := v.IsNull() || v.IsString() && v.StringValue() == "" || v.IsArray() && len(v.ArrayValue()) == 0
		if !empty {
			out = append(out, name)
		}
	}
	return out
}

// text returns a known text among the inputs; false when it is absent or not known yet.
func text(m resource.PropertyMap, name string) (string, bool) {
	v := catalog.Bare(m[resource.PropertyKey(name)])
	if !v.IsString() {
		return "", false
	}
	return v.StringValue(), true
}
