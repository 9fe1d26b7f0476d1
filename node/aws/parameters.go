package aws

import "context"

// Parameter is one version of a parameter in Parameter Store.
type Parameter struct {
	Value   string
	Version int64
}

// Parameter reads a parameter, decrypted where it is a secret. The name may end in a version, as in /beachhead/us-west-1/cache/map:3. A
// parameter or version that is not there is an ErrNotFound.
func (c *Cloud) Parameter(ctx context.Context, name string) (Parameter, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	in := struct {
		Name           string
		WithDecryption bool
	}{name, true}
	var out struct{ Parameter Parameter }
	if err := c.systems.call(ctx, "GetParameter", in, &out); err != nil {
		return Parameter{}, fault("reading parameter "+name, err)
	}
	return out.Parameter, nil
}

// SetParameter makes a new version of a parameter of type String.
func (c *Cloud) SetParameter(ctx context.Context, name, value string) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	in := struct {
		Name, Value, Type string
		Overwrite         bool
	}{name, value, "String", true}
	if err := c.systems.call(ctx, "PutParameter", in, &struct{}{}); err != nil {
		return fault("writing parameter "+name, err)
	}
	return nil
}
