package cloud

// ModelSeconds is how long an operation on a resource takes in the real cloud, by the rules that the emulated one waits by: the model
// durations of docs/facts.md, section 1, what a kind reckons from its inputs, and the wait of a scaling group that is created for its
// machines. Waits that follow from what else is there are not in it: for a turn at a router, after throttling, for machines that an
// update adds. Type is a Pulumi type token, op is create, update or delete, and inputs are plain JSON values, of which those that are
// not known yet may be missing. A type without a duration of its own takes the default one.
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

// Machine is how long the stages of a new machine take, in seconds. Sources: docs/facts.md, section 1. The first is the mean of a public
// study of cold boots, the others are judgement until measured.
type Machine struct {
	// LaunchToLogin is from the launch to the first login.
	LaunchToLogin float64
	// Packages is for installing what a stock image lacks, PackagesWithBakedImage for what an image that has all of it takes instead.
	Packages, PackagesWithBakedImage float64
	// SelfCheck is the agent's look at its own machine, Register its registration with the CI system.
	SelfCheck, Register float64
}

// MachineModel gives the stages that the emulated cloud's own agent takes.
func MachineModel() Machine {
	m := durations().machine
	return Machine{
		LaunchToLogin: m["launchToLogin"], Packages: m["packages"], PackagesWithBakedImage: m["packagesWithBakedImage"],
		SelfCheck: m["selfCheck"], Register: m["register"],
	}
}
