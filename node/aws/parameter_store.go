package aws

import "context"

// Parameter is one version of a parameter in Parameter Store.
type Parameter struct {
	Value   string
	Version int64
}

// GetParameter returns a parameter, decrypted if it is a secret. The name may end in a version, as in
// /beachhead/us-west-1/cache/map:3. It returns ErrNotFound when the parameter or the version does not exist.
func (c *Client) GetParameter(ctx context.Context, name string) (Parameter, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	in := struct {
		Name           string
		WithDecryption bool
	}{name, true}
	var out struct{ Parameter Parameter }
	if err := c.ssm.callAction(ctx, "GetParameter", in, &out); err != nil {
		return Parameter{}, wrapError("reading parameter "+name, err)
	}
	return out.Parameter, nil
}

// PutParameter writes a new version of a parameter of type String.
func (c *Client) PutParameter(ctx context.Context, name, value string) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	in := struct {
		Name, Value, Type string
		Overwrite         bool
	}{name, value, "String", true}
	if err := c.ssm.callAction(ctx, "PutParameter", in, &struct{}{}); err != nil {
		return wrapError("writing parameter "+name, err)
	}
	return nil
}
