package emulator

import "maps"

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

// resource shows a record to the outside.
func (s *State) resource(r *record) Resource {
	out := Resource{
		Type: r.Type, ID: r.ID, ImportID: r.ID, Region: r.Region, Account: r.Account,
		Tags: map[string]string{}, Inputs: maps.Clone(r.Inputs), Outputs: s.outputs(r), Managed: r.Managed,
	}
	if k := kindOf(r.Type); k != nil && k.importID != nil {
		out.ImportID = k.importID(r)
	}
	for name, v := range tagsOf(r) {
		out.Tags[name] = v
	}
	out.Name = out.Tags["Name"]
	if packageOf(r.Type) == gcpPackage {
		out.Name = r.str("name")
		for label, v := range obj(r.get("effectiveLabels")) {
			out.Tags[label] = str(v)
		}
	}
	return out
}

// tagsOf reads the tags of a record; scaling groups list theirs.
func tagsOf(r *record) map[string]string {
	tags := map[string]string{}
	for name, v := range obj(r.get("tags")) {
		tags[name] = str(v)
	}
	if _, list := r.get("tags").([]any); list {
		for _, t := range objs(r.get("tags")) {
			tags[str(t["key"])] = str(t["value"])
		}
	}
	return tags
}

// outputs is the whole state of a record as a provider tells it: what the cloud chose, what the program asked for, what follows
// from other records, and something for every output that is never absent.
func (s *State) outputs(r *record) map[string]any {
	out := copied(r.Outputs)
	maps.Copy(out, r.Inputs)
	k := kindOf(r.Type)
	if k == nil {
		return out
	}
	if k.live != nil {
		maps.Copy(out, k.live(s, r))
	}
	k.fill(r, out)
	out["id"] = r.ID
	return out
}
