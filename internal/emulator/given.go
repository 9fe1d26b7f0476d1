package emulator

import "context"

// GiveSecurityPolicy puts a Cloud Armor policy into a GCP project as somebody else's who was there before, unless there is one of that
// name: programs add rules to policies that they do not make. It takes no time, and it is in the journal.
func GiveSecurityPolicy(c *Cloud, ctx context.Context, project, name string) error {
	kind, inputs := c.KindOf(SecurityPolicyType), map[string]any{"name": name, "project": project, "description": "Somebody else's"}
	_, err := c.Do(ctx, &Request{Scope: Scope{Account: project}, Kind: kind, Op: "create", Run: func(call *Call) error {
		if call.State.RecordAt(call.State.KeyIn(Scope{Account: project}, SecurityPolicyType, name)) != nil {
			return nil
		}
		if err := call.Create(inputs, ""); err != nil {
			return err
		}
		call.New.Managed = false
		return nil
	}})
	return err
}

// WriteParameter overwrites the value of a parameter of type String, as a machine does whose role may. It fails when there is none.
func WriteParameter(c *Cloud, ctx context.Context, account, region, name, value string) error {
	_, err := c.Do(ctx, &Request{Scope: Scope{Account: account, Region: region}, Kind: parameterKind, Op: "update", ID: name, Run: func(call *Call) error {
		if call.Old = call.Find(name, ParameterType); call.Old == nil || call.Old.Text("type") != "String" {
			return Refuse(parameterKind.Missing, name)
		}
		call.New = call.Old.Clone()
		call.New.Inputs["insecureValue"] = value
		delete(call.New.Inputs, "value")
		call.New.Outputs["version"] = float64(call.Old.Number("version") + 1)
		call.Store(call.New)
		return nil
	}})
	return err
}
