package emulator

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

func unmarshalProperties(s *structpb.Struct) (resource.PropertyMap, error) {
	m, err := plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipNulls: true})
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "reading properties: %v", err)
	}
	return m, nil
}

func marshalProperties(m resource.PropertyMap) (*structpb.Struct, error) {
	s, err := plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		return nil, fmt.Errorf("writing properties: %w", err)
	}
	return s, nil
}

func firstNonEmpty(a, b *structpb.Struct) *structpb.Struct {
	if len(a.GetFields()) > 0 {
		return a
	}
	return b
}

// PlainValue turns a value into plain JSON: a cloud knows its secrets. What is not known yet becomes nil.
func PlainValue(v resource.PropertyValue) any {
	v = catalog.Bare(v)
	switch {
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsBool():
		return v.BoolValue()
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = PlainValue(e)
		}
		return list
	case v.IsObject():
		return PlainMap(v.ObjectValue())
	case v.IsAsset():
		return map[string]any{"hash": v.AssetValue().Hash}
	case v.IsArchive():
		return map[string]any{"hash": v.ArchiveValue().Hash}
	}
	return nil
}

func PlainMap(m resource.PropertyMap) map[string]any {
	out := map[string]any{}
	for key, v := range m {
		if !resource.IsInternalPropertyKey(key) {
			if p := PlainValue(v); p != nil {
				out[string(key)] = p
			}
		}
	}
	return out
}

// presentOutputs turns a record's outputs into properties. An output is secret where the input of that name is, and where the table says so.
// What no call to the cloud tells is known only where the program said it: an import does not have it.
// Of an asset the cloud keeps the hash only: the one that the program gave is told again while it is the same.
func presentOutputs(k *Kind, spec *catalog.Resource, outputs map[string]any, inputs resource.PropertyMap) resource.PropertyMap {
	m := resource.NewPropertyMapFromMap(outputs)
	for _, name := range k.WriteOnly {
		if _, said := inputs[resource.PropertyKey(name)]; !said {
			delete(m, resource.PropertyKey(name))
		}
	}
	for key, in := range inputs {
		v, ok := m[key]
		if asset := catalog.Bare(in); ok && (asset.IsAsset() || asset.IsArchive()) && reflect.DeepEqual(PlainValue(asset), outputs[string(key)]) {
			v = asset
			m[key] = v
		}
		if ok && in.ContainsSecrets() {
			m[key] = resource.MakeSecret(v)
		}
	}
	markSecrets(spec, m)
	return m
}

// markSecrets marks what the table says is secret.
func markSecrets(spec *catalog.Resource, m resource.PropertyMap) {
	for name, v := range m {
		if !v.IsSecret() && (spec.Inputs[string(name)].Secret || slices.Contains(spec.SecretOutputs, string(name))) {
			m[name] = resource.MakeSecret(v)
		}
	}
}
