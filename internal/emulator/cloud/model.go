package cloud

// ModelSeconds returns how many seconds an operation on a resource takes in the real cloud, by the rules of the emulated cloud: the
// model durations of docs/facts.md, section 1, the seconds that a kind computes from its inputs, and the wait of a new scaling group
// for its machines. It leaves out waits that depend on other resources: for a turn at a router, after throttling, for machines that an
// update adds. Type is a Pulumi type token, op is create, update or delete. Inputs are plain JSON values; values that are not known yet
// may be absent. A type without a duration has the default one.
func (reg *Registry) ModelSeconds(typ, op string, inputs map[string]any) float64 {
	k, r := reg.KindOf(typ), &Record{Key: Key{Type: typ}, Inputs: inputs}
	if k == nil {
		k = &Kind{Type: typ}
	}
	seconds := OperationSeconds(k, op, r)
	if op == "create" && k.CreateWait != nil {
		seconds += k.CreateWait(newState(reg), r)
	}
	return seconds
}

// Machine holds the durations of the stages of a new machine, in seconds. Sources: docs/facts.md, section 1. The first is the mean of a
// public study of cold boots. The others are our estimate until we measure them.
type Machine struct {
	// LaunchToLogin lasts from the launch to the first login.
	LaunchToLogin float64
	// Packages is the time to install the packages that a stock image lacks. PackagesWithBakedImage replaces it for an image that has
	// them all.
	Packages, PackagesWithBakedImage float64
	// SelfCheck is the agent's check of its own machine. Register is its registration with the CI system.
	SelfCheck, Register float64
}

// MachineModel returns the stages of the emulated cloud's own agent.
func MachineModel() Machine {
	m := durations().machine
	return Machine{
		LaunchToLogin: m["launchToLogin"], Packages: m["packages"], PackagesWithBakedImage: m["packagesWithBakedImage"],
		SelfCheck: m["selfCheck"], Register: m["register"],
	}
}
