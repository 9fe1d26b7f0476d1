package cloud

import (
	"maps"
)

// Resource is one resource in the emulated cloud.
type Resource struct {
	// Type is the Pulumi type token, aws:ec2/vpc:Vpc. ID is the provider's id.
	Type string
	ID   string
	// ImportID is the id that an import of the real provider accepts: the id itself, or for instance rtb-…_0.0.0.0/0 for a route.
	ImportID string
	// Name is the Name tag in AWS, or the name in GCP. Region is empty for resources of the whole account. In GCP, Account is the
	// project, and Tags are all labels.
	Name    string
	Region  string
	Account string
	Tags    map[string]string
	// Inputs and Outputs are plain JSON values. Secrets are not masked.
	Inputs  map[string]any
	Outputs map[string]any
	// Managed is false for resources that the cloud created: instances of a scaling group, the default security group, the main route
	// table.
	Managed bool
}

// describeRecord returns a record as callers of the package see it.
func (s *State) describeRecord(r *Record) Resource {
	out := Resource{
		Type: r.Type, ID: r.ID, ImportID: r.ID, Region: r.Region, Account: r.Account,
		Inputs: maps.Clone(r.Inputs), Outputs: s.OutputsOf(r), Managed: r.Managed,
	}
	if k := s.KindOf(r.Type); k != nil && k.ImportID != nil {
		out.ImportID = k.ImportID(r)
	}
	p := s.registry.PlatformOf(r.Type)
	out.Tags = p.Tags(r)
	out.Name = p.Name(r, out.Tags)
	return out
}

// OutputsOf returns the whole state of a record as a provider returns it: the values that the cloud chose, the inputs, the values that
// follow from other records, and a value for every output that is never absent.
func (s *State) OutputsOf(r *Record) map[string]any {
	out := CopyMap(r.Outputs)
	maps.Copy(out, r.Inputs)
	k := s.KindOf(r.Type)
	if k == nil {
		return out
	}
	if k.Derive != nil {
		maps.Copy(out, k.Derive(s, r))
	}
	if derive := s.registry.derived[r.Type]; derive != nil {
		maps.Copy(out, derive(s, r))
	}
	k.fillOutputs(r, s.registry.PlatformOf(r.Type).Tags(r), out)
	out["id"] = r.ID
	return out
}
