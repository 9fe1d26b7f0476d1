package gcp_test

import "github.com/beachhead-build/beachhead/internal/emulator/emulatortest"

// props shortens the name of the inputs that every test writes.
type props = emulatortest.Props
