package cloud

import (
	"context"
	"time"
)

// Lookup answers a function of a provider. It queries the cloud and changes nothing.
type Lookup struct {
	// Type is the resource type of the answer. Faults of this type apply to the look-up too.
	Type   string
	Answer func(c *Call, args map[string]any) (map[string]any, error)
}

// LookUp runs a look-up on the state. It never writes.
func (c *Cloud) LookUp(ctx context.Context, in Scope, f *Lookup, args map[string]any) (map[string]any, error) {
	hitch, err := c.faults.delayOf(&Request{Scope: in, Kind: c.KindOf(f.Type), Op: "read"})
	c.waitSeconds(ctx, time.Now(), hitch.seconds)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	err = c.withLock(func() error {
		var err error
		answer, err = f.Answer(&Call{State: c.state, cloud: c, Scope: in, Kind: c.KindOf(f.Type)}, args)
		return err
	})
	return answer, err
}
