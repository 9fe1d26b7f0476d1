package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// defaultsKey is the property in which the bridge records the inputs that it filled in. An automatic name stays until the program sets
// a fixed one.
const defaultsKey = resource.PropertyKey("__defaults")

func isDefaulted(m resource.PropertyMap, name string) bool {
	if !m[defaultsKey].IsArray() {
		return false
	}
	return slices.ContainsFunc(m[defaultsKey].ArrayValue(), func(v resource.PropertyValue) bool {
		return v.IsString() && v.StringValue() == name
	})
}

// completeInputs fills in the inputs that a bridged provider fills in before it validates: default tags, Terraform's defaults and
// automatic names.
func completeInputs(k *cloud.Kind, spec *catalog.Resource, tags map[string]any, olds, news resource.PropertyMap,
	req *pulumirpc.CheckRequest) error {
	delete(news, defaultsKey)
	var filled []string
	if spec.Inputs["tags"].Type == "{string}" && len(tags) > 0 {
		mergeDefaultTags(news, tags)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Defaults)) {
		if _, ok := news[resource.PropertyKey(name)]; !ok {
			news[resource.PropertyKey(name)] = resource.NewPropertyValue(k.Defaults[name])
			filled = append(filled, name)
		}
	}
	named, err := assignName(k, olds, news, req)
	if err != nil {
		return err
	}
	if named {
		filled = append(filled, k.NameProperty())
	}
	list := make([]resource.PropertyValue, len(filled))
	for i, name := range filled {
		list[i] = resource.NewProperty(name)
	}
	news[defaultsKey] = resource.NewProperty(list)
	return nil
}

// mergeDefaultTags adds the provider's default tags below those of the resource, as pulumi-aws v6 does.
func mergeDefaultTags(news resource.PropertyMap, tags map[string]any) {
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

// assignName assigns an automatic name to a resource without a fixed one: the logical name and 7 hexadecimal digits from the engine's
// seed, or the name that it has already. It reports whether it assigned one.
func assignName(k *cloud.Kind, olds, news resource.PropertyMap, req *pulumirpc.CheckRequest) (bool, error) {
	as := resource.PropertyKey(k.NameProperty())
	_, named := news[as]
	_, prefixed := news[as+"Prefix"]
	if k.AutoNameLength == 0 || named || prefixed {
		return false, nil
	}
	if old, ok := olds[as]; ok && (isDefaulted(olds, k.NameProperty()) || olds[defaultsKey].IsNull()) {
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
		if name, err = resource.NewUniqueName(req.GetRandomSeed(), prefix, 7, k.AutoNameLength, nil); err != nil {
			return false, cloud.Refuse("automatic name: %v", err)
		}
	}
	news[as] = resource.NewProperty(name)
	return true, nil
}

// validateInputs applies the rules that need no cloud.
func validateInputs(k *cloud.Kind, news resource.PropertyMap) []catalog.Failure {
	var out []catalog.Failure
	bad := func(property, format string, args ...any) {
		out = append(out, catalog.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	for _, name := range k.Unsupported {
		if _, ok := news[resource.PropertyKey(name)]; ok {
			bad(name, "the emulator has no rules for this property")
		}
	}
	for _, group := range k.ExactlyOne {
		switch n := cloud.GivenInputs(news, group); {
		case len(n) == 0:
			bad(group[0], "exactly one of %s must be set, none is", strings.Join(group, ", "))
		case len(n) > 1:
			bad(n[1], "exactly one of %s must be set, %s are", strings.Join(group, ", "), strings.Join(n, " and "))
		}
	}
	for _, group := range k.AtMostOne {
		if n := cloud.GivenInputs(news, group); len(n) > 1 {
			bad(n[1], "%s cannot be set together", strings.Join(n, " and "))
		}
	}
	if k.Check != nil {
		out = append(out, k.Check(news)...)
	}
	return out
}
