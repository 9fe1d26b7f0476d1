package session

import (
	"context"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// Operation is a kind of work on a region's stack.
type Operation struct {
	// Name is the command's.
	Name string
	// Exclusive operations change a stack that others may use: they wait until no other run holds it.
	Exclusive bool
	// NeedsSecrets is true for operations that run the program to its end, which reads the stack's secrets.
	NeedsSecrets bool
	// MakesResources is true for operations that create what the program declares, and so have a timeline.
	MakesResources bool

	// change is nil for operations that change no stack, and for a drill, which consists of several.
	change func(*engine.Stack, context.Context) (*engine.Changes, error)
}

// The operations.
var (
	Outputs = Operation{Name: "outputs"}
	Preview = Operation{Name: "preview", NeedsSecrets: true}
	Up      = Operation{Name: "up", Exclusive: true, NeedsSecrets: true, MakesResources: true, change: (*engine.Stack).Up}
	Down    = Operation{Name: "down", Exclusive: true, change: (*engine.Stack).Down}
	// Drill has the emulated cloud and the stack to itself.
	Drill = Operation{Name: "drill", NeedsSecrets: true, MakesResources: true}
)
