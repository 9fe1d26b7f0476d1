package node

import (
	"context"
	"fmt"
)

// Run does what the machine's role asks, until the context ends. This version of the agent knows what it is told and can do none of it:
// it says so, and completes no hook, so that a machine that cannot serve is never taken for one that can.
func Run(ctx context.Context, d Description) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("this version of the agent cannot serve as %s yet: it completes no hook, so the group of %s gives the machine up; "+
		"bring the stack up with a release whose agent can", d.Role, d.Name())
}
