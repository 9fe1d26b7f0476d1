package emulator

import "context"

// GiveSecurityPolicy puts a Cloud Armor policy into a GCP project as somebody else's who was there before, unless there is one of that
// name: programs add rules to policies that they do not make. It takes no time, and it is in the journal.
func (c *Cloud) GiveSecurityPolicy(ctx context.Context, project, name string) error {
	kind, inputs := kindOf(securityPolicyType), map[string]any{"name": name, "project": project, "description": "Somebody else's"}
	_, err := c.do(ctx, &request{scope: scope{account: project}, kind: kind, op: "create", run: func(call *call) error {
		if call.st.at(gcpKey(scope{account: project}, securityPolicyType, name)) != nil {
			return nil
		}
		if err := call.makeNew(inputs, ""); err != nil {
			return err
		}
		call.rec.Managed = false
		return nil
	}})
	return err
}

// WriteParameter overwrites the value of a parameter of type String, as a machine does whose role may. It fails when there is none.
func (c *Cloud) WriteParameter(ctx context.Context, account, region, name, value string) error {
	_, err := c.do(ctx, &request{scope: scope{account: account, region: region}, kind: parameterKind, op: "update", id: name, run: func(call *call) error {
		if call.old = call.find(name, parameterType); call.old == nil || call.old.str("type") != "String" {
			return refused(parameterKind.missing, name)
		}
		call.rec = call.old.clone()
		call.rec.Inputs["insecureValue"] = value
		delete(call.rec.Inputs, "value")
		call.rec.Outputs["version"] = float64(call.old.num("version") + 1)
		call.set(call.rec)
		return nil
	}})
	return err
}
