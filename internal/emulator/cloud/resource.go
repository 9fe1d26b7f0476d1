package cloud

import (
	"maps"
)

// Resource is one thing that lives in the emulated cloud.
type Resource struct {
	// Type is the Pulumi type token, aws:ec2/vpc:Vpc, and ID what its provider calls it.
	Type string
	ID   string
	// ImportID is what an import of the real provider takes: the id, or for instance rtb-…_0.0.0.0/0 for a route.
	ImportID string
	// Name is the Name tag or, at Google's, the name; Region the cloud's region, empty for what belongs to the whole account. Account is
	// the project there, and Tags are all labels.
	Name    string
	Region  string
	Account string
	Tags    map[string]string
	// Inputs and Outputs are plain JSON values. The cloud knows its secrets: nothing is masked.
	Inputs  map[string]any
	Outputs map[string]any
	// Managed is false for what the cloud made itself: instances of a scaling group, the default security group, the main route table.
	Managed bool
}

// describeRecord shows a record to the outside.
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

// OutputsOf is the whole state of a record as a provider tells it: what the cloud chose, what the program asked for, what follows
// from other records, and something for every output that is never absent.
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
