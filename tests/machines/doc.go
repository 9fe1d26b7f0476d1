//go:build machines

// Package machines boots Debian in QEMU with the user data of a plan and tests the agent on it. Package lab holds what boots and connects
// the machines.
package machines
