package session

import "github.com/beachhead-build/beachhead/internal/emulator"

// Target is the cloud that an operation works on. The zero value is the real account that the region file names.
type Target struct {
	Emulated bool
	// Pace is the model seconds that pass in a real second of an emulated cloud; 0 means that it does not wait. Faults are injected into it.
	Pace   float64
	Faults []emulator.Fault
}

// AddFault parses a fault, such as kill-after=7, and adds it to those of the emulated cloud.
func (t *Target) AddFault(text string) error {
	fault, err := emulator.ParseFault(text)
	if err == nil {
		t.Faults = append(t.Faults, fault)
	}
	return err
}
