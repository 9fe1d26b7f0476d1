package cli

import (
	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

// targetFlags are the flags that choose the cloud to work on.
type targetFlags struct {
	emulated bool
	pace     float64
	faults   []string
}

// add adds all of the flags to a command.
func (f *targetFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.emulated, "emulated", false, "use the emulated cloud in .beachhead/ instead of a real account")
	f.addEmulation(cmd)
}

// addEmulation adds the flags of the emulated cloud to a command.
func (f *targetFlags) addEmulation(cmd *cobra.Command) {
	cmd.Flags().Float64Var(&f.pace, "pace", 0, "model seconds per real second in the emulated cloud; 0 means no waiting")
	cmd.Flags().StringArrayVar(&f.faults, "fault", nil,
		"inject a fault into the emulated cloud, such as fail=create:TYPE or kill-after=7; repeatable")
}

// suffix returns the flag that a suggested up or down needs to change the same cloud.
func (f *targetFlags) suffix() string {
	if f.emulated {
		return " --emulated"
	}
	return " --yes"
}

// target returns the cloud that the flags choose. It refuses flags that contradict each other.
func (f *targetFlags) target() (session.Target, error) {
	switch {
	case !f.emulated && (f.pace != 0 || len(f.faults) > 0):
		return session.Target{}, usageError("--pace and --fault work on the emulated cloud only; add --emulated")
	case f.pace < 0:
		return session.Target{}, usageError("--pace %g: want 0 or more", f.pace)
	}
	target := session.Target{Emulated: f.emulated, Pace: f.pace}
	for _, text := range f.faults {
		if err := target.AddFault(text); err != nil {
			return session.Target{}, usageError("--fault %s: %w", text, err)
		}
	}
	return target, nil
}

func addJSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "write JSON to standard output")
}
