package provider

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// previewOutputs returns the outputs that a preview shows: the inputs, the old values, and unknown values where the cloud decides.
func previewOutputs(k *cloud.Kind, spec *catalog.Resource, olds, news resource.PropertyMap) resource.PropertyMap {
	out := resource.PropertyMap{}
	unknown := resource.MakeComputed(resource.NewProperty(""))
	for _, name := range slices.Concat(spec.Computed, spec.AlwaysSet) {
		out[resource.PropertyKey(name)] = unknown
	}
	for key, v := range olds {
		_, input := spec.Inputs[string(key)]
		if !input || spec.OptionalComputed(string(key)) {
			out[key] = v
		}
	}
	if olds != nil {
		for _, name := range k.Volatile {
			out[resource.PropertyKey(name)] = unknown
		}
	}
	maps.Copy(out, news)
	delete(out, defaultsKey)
	if _, ok := out["tagsAll"]; ok {
		out["tagsAll"] = resource.NewProperty(resource.PropertyMap{})
		if tags, ok := news["tags"]; ok {
			out["tagsAll"] = tags
		}
	}
	return out
}

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

// presentOutputs returns a record's outputs as properties. An output is secret when the input of that name is, or when the property
// table marks it. An input that no call returns appears only if the program set it: an import does not have it. The cloud stores only
// the hash of an asset: the program's asset appears again while its hash is the same.
func presentOutputs(k *cloud.Kind, spec *catalog.Resource, outputs map[string]any, inputs resource.PropertyMap) resource.PropertyMap {
	m := resource.NewPropertyMapFromMap(outputs)
	for _, name := range k.WriteOnly {
		if _, said := inputs[resource.PropertyKey(name)]; !said {
			delete(m, resource.PropertyKey(name))
		}
	}
	for key, in := range inputs {
		v, ok := m[key]
		if asset := catalog.Bare(in); ok && (asset.IsAsset() || asset.IsArchive()) &&
			reflect.DeepEqual(cloud.PlainValue(asset), outputs[string(key)]) {
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

// markSecrets marks the outputs that are secret in the property table.
func markSecrets(spec *catalog.Resource, m resource.PropertyMap) {
	for name, v := range m {
		if !v.IsSecret() && (spec.Inputs[string(name)].Secret || slices.Contains(spec.SecretOutputs, string(name))) {
			m[name] = resource.MakeSecret(v)
		}
	}
}

func unmarshalAll(structs ...*structpb.Struct) ([]resource.PropertyMap, error) {
	out := make([]resource.PropertyMap, len(structs))
	for i, s := range structs {
		m, err := unmarshalProperties(s)
		if err != nil {
			return nil, err
		}
		out[i] = m
	}
	return out, nil
}
