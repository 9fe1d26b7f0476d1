package provider_test

import "github.com/beachhead-build/beachhead/internal/emulator/emulatortest"

// The words of the test driver that every test uses.
type (
	props  = emulatortest.Props
	driver = emulatortest.Driver
)
