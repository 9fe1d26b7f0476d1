package emulator

import "testing"

func TestAgentTakesTheStagesOfTheModel(t *testing.T) {
	m := MachineModel()
	if m.LaunchToLogin+agentSeconds() != 26+45+3+5 {
		t.Errorf("the emulated agent takes %v s after a login at %v s; the model says 79 s in all", agentSeconds(), m.LaunchToLogin)
	}
}
