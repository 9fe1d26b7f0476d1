package kit

import (
	"fmt"

	"github.com/hashicorp/go-multierror"
)

// Problems collects every problem of a component's arguments, so that one run reports all of them.
type Problems struct{ all *multierror.Error }

// RefuseIf adds a problem if the condition is true.
func (p *Problems) RefuseIf(wrong bool, format string, args ...any) {
	if wrong {
		p.all = multierror.Append(p.all, fmt.Errorf(format, args...))
	}
}

// Combine returns one error that lists all problems, or nil if there are none.
func (p *Problems) Combine() error { return p.all.ErrorOrNil() }
