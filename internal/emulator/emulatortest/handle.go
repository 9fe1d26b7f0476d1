package emulatortest

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// Handle is a resource that a test created.
type Handle struct {
	Driver   *Driver
	Type, ID string
	Name     string
	Inputs   *structpb.Struct // as checked
	State    *structpb.Struct
}

// Output returns one of its outputs.
func (r *Handle) Output(name string) any { return r.Driver.Unpack(r.State)[name] }

// Diff returns what a change of inputs would do.
func (r *Handle) Diff(p Props) *pulumirpc.DiffResponse {
	r.Driver.T.Helper()
	news, err := r.Driver.Check(r.Type, r.Name, r.Inputs, p)
	if err != nil {
		r.Driver.T.Fatal(err)
	}
	out, err := r.Driver.Client.Diff(context.Background(), &pulumirpc.DiffRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Olds: r.State, OldInputs: r.Inputs, News: news})
	if err != nil {
		r.Driver.T.Fatal(err)
	}
	return out
}

// TryUpdate changes a resource in place, as the engine does after a diff without replacement.
func (r *Handle) TryUpdate(p Props) error {
	r.Driver.T.Helper()
	news, err := r.Driver.Check(r.Type, r.Name, r.Inputs, p)
	if err != nil {
		return err
	}
	out, err := r.Driver.Client.Update(context.Background(), &pulumirpc.UpdateRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Olds: r.State, OldInputs: r.Inputs, News: news})
	if err != nil {
		return err
	}
	r.Inputs, r.State = news, out.GetProperties()
	return nil
}

// Update changes a resource in place. It fails the test when the change would replace the resource or when the cloud refuses it.
func (r *Handle) Update(p Props) {
	r.Driver.T.Helper()
	if d := r.Diff(p); len(d.GetReplaces()) > 0 {
		r.Driver.T.Fatalf("%s would be replaced for %v", r.Name, d.GetReplaces())
	}
	if err := r.TryUpdate(p); err != nil {
		r.Driver.T.Fatal(err)
	}
}

// TryDelete deletes a resource, or returns why the cloud refused.
func (r *Handle) TryDelete() error {
	_, err := r.Driver.Client.Delete(context.Background(), &pulumirpc.DeleteRequest{
		Id: r.ID, Urn: URN(r.Type, r.Name), Properties: r.State, OldInputs: r.Inputs})
	return err
}

// Delete deletes a resource and fails the test when the cloud refuses.
func (r *Handle) Delete() {
	r.Driver.T.Helper()
	if err := r.TryDelete(); err != nil {
		r.Driver.T.Fatalf("deleting %s: %v", r.Name, err)
	}
}
