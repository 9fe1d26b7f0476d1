package aws

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

func TestAgentTakesTheStagesOfTheModel(t *testing.T) {
	m := cloud.MachineModel()
	if m.LaunchToLogin+agentSeconds() != 26+45+3+5 {
		t.Errorf("the emulated agent takes %v s after a login at %v s; the model says 79 s in all", agentSeconds(), m.LaunchToLogin)
	}
}
