// Package session opens a region on a real account or on an emulated cloud, runs operations on its stack, and predicts and measures how
// long they take. It does not print: it reports through hooks and returned values.
package session

import (
	"path/filepath"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Project is the folder of a Beachhead project, which holds regions/, Pulumi.yaml, bin/ and .beachhead/.
type Project struct {
	Dir string
	// Note receives remarks for the person who runs a command, one at a time. Nil discards them.
	Note func(text string)
	// Progress receives every event of an operation, from one goroutine. Nil discards them.
	Progress func(Event)
}

// Event is an event of the engine, with what an operator needs to know about it.
type Event struct {
	engine.Event
	// Warning is about a step that starts; empty when it needs none.
	Warning string
}

// UsageError is a mistake in the command or in a region file, found before anything changes.
type UsageError struct{ Err error }

// Error returns the text of the mistake.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake.
func (e UsageError) Unwrap() error { return e.Err }

// RegionFiles returns the paths of the project's region files.
func (p Project) RegionFiles() ([]string, error) {
	files, err := regionfile.ListFiles(p.Dir)
	if err != nil {
		return nil, UsageError{err}
	}
	return files, nil
}

// privateDir returns the folder that is the program's own; git ignores it.
func (p Project) privateDir() string { return filepath.Join(p.Dir, ".beachhead") }

// EmulatedDir returns the folder of the emulated cloud that outlives a command, and of the state of the stacks on it.
func (p Project) EmulatedDir() string { return filepath.Join(p.privateDir(), "emulated") }

// agentDir returns the folder that holds the builds of the machines' agent.
func (p Project) agentDir() string { return filepath.Join(p.Dir, "bin") }

func (p Project) sendNote(text string) {
	if p.Note != nil {
		p.Note(text)
	}
}
