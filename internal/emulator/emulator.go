// Package emulator is an emulated cloud: AWS and GCP without an account. The real Pulumi engine talks to it through Pulumi's provider
// protocol.
//
// The emulated cloud stores state and obeys rules as the real clouds do. References must exist, address ranges must fit, quotas apply, and
// a resource in use cannot be deleted. Every operation has a model duration, and faults can be injected. One journal on disk holds
// everything, so separate processes see one cloud. The emulated cloud has no data plane: no packet is ever sent.
//
// This package assembles the parts:
//
//   - cloud: journal, state, references, faults, quotas and durations; it knows no single public cloud.
//   - aws, gcp: the rules of each public cloud, one file for each kind of resource.
//   - link: outputs that need both ends of a VPN.
//   - provider: Pulumi's provider protocol.
//   - catalog: the properties of all resource types, extracted from the providers' schemas.
package emulator

import (
	"sync"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
	"github.com/beachhead-build/beachhead/internal/emulator/link"
	"github.com/beachhead-build/beachhead/internal/emulator/provider"
)

// The types that callers of an emulated cloud need. Package cloud and package provider document them.
type (
	// Options states where an emulated cloud is stored and how it behaves.
	Options = cloud.Options
	// Cloud is an emulated cloud. Its methods are safe for concurrent use.
	Cloud = cloud.Cloud
	// State is the emulated cloud at one moment, for reading.
	State = cloud.State
	// Resource is one resource in the emulated cloud.
	Resource = cloud.Resource
	// Operation is one committed change of the emulated cloud.
	Operation = cloud.Operation
	// Fault makes an open emulated cloud misbehave.
	Fault = cloud.Fault
	// Machine holds the durations of the stages of a new machine, in seconds.
	Machine = cloud.Machine
	// Server serves a cloud to the Pulumi engine.
	Server = provider.Server
)

// FaultForms lists the forms that ParseFault accepts, for help texts.
const FaultForms = cloud.FaultForms

var rules = sync.OnceValue(func() *cloud.Registry {
	reg := cloud.NewRegistry(aws.Platform(), gcp.Platform())
	link.RegisterOutputs(reg)
	return reg
})

// Rules returns the rules of both public clouds and of the VPN between them.
func Rules() *cloud.Registry { return rules() }

// Open opens the emulated cloud in a directory, and creates an empty one when the directory holds none. It returns an error when the
// directory cannot be written, or when the journal is damaged anywhere but at its torn end.
func Open(o Options) (*Cloud, error) { return cloud.Open(o, Rules()) }

// Serve serves an emulated cloud to the Pulumi engine. The servers run until Close.
func Serve(c *Cloud) (*Server, error) { return provider.Serve(c) }

// ParseFault reads a fault from one of FaultForms. The error of a bad one lists the forms.
func ParseFault(s string) (Fault, error) { return cloud.ParseFault(s) }

// ModelSeconds returns how many seconds an operation on a resource takes in the real cloud. See cloud.Registry.ModelSeconds.
func ModelSeconds(typ, op string, inputs map[string]any) float64 {
	return Rules().ModelSeconds(typ, op, inputs)
}

// MachineModel returns how long the stages of a new machine take in the emulated cloud.
func MachineModel() Machine { return cloud.MachineModel() }
