// Package fleet is the component for one fleet of runner machines: launch template, scaling group with its lifecycle hooks, scaling
// policy, security group, and a role that allows exactly the calls of the machines' agent.
package fleet

import (
	"errors"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// EC2 Auto Scaling's limits for a lifecycle hook, in seconds, and for the weight of an instance type.
const (
	minHookSeconds, maxHookSeconds = 30, 7200
	maxWeight                      = 999
)

// maxLifetimeDays is the longest lifetime of a machine. EC2 Auto Scaling accepts a year.
const maxLifetimeDays = 365

// Args describes a fleet. Plain values decide which resources exist; values of other components are inputs.
type Args struct {
	// Region and Account are part of the ARNs in the role's policy.
	Region, Account string
	// Path is the first part of the names of the fleet's parameters and the dimension of its metrics, such as
	// /beachhead/us-west-1/fleets/containers-arm64.
	Path string
	// Types are the machine types, best first.
	Types []Type
	// Min and Max are the bounds of the group, in the unit of the types' weights. They are 0 where no machine may run.
	Min, Max int
	// OnDemandBase is the capacity that is on demand before any is spot. OnDemandPercent is the share of on-demand capacity above it.
	OnDemandBase, OnDemandPercent int
	// Launching is false where running machines may finish their jobs and no new machine may start.
	Launching bool
	// Posture is the posture of the machines: active, standby or draining.
	Posture string
	// DiskGiB is the size of the root disk.
	DiskGiB int
	// Image is the name of the parameter that holds the id of the newest image. EC2 reads it at each launch, so a newer image replaces
	// nothing.
	Image string
	// PublicAddress is true where machines get public addresses of their own.
	PublicAddress bool
	// UserData is the script of a machine's first boot. It holds no secrets.
	UserData string
	// HookSeconds is how long a machine may send no heartbeat while it starts or drains.
	HookSeconds int
	// LifetimeDays is the number of days after which a machine is replaced.
	LifetimeDays int
	// BusyPercent is the percentage of busy machines that scaling aims at.
	BusyPercent float64
	// ReadParameters are names of parameters that machines read besides their token, such as the shard map. A * in them stands for any
	// text, slashes included, as in IAM.
	ReadParameters []string
	// Tags are the tags of machines, their volumes and their interfaces, which the provider's default tags do not reach.
	Tags map[string]string

	// VPC is the network's id.
	VPC pulumi.StringInput
	// Subnets are the ids of the runner subnets, one for each zone.
	Subnets pulumi.StringArrayInput
	// Bucket is the name of the bucket from which machines fetch their agent, known once the agent is in it.
	Bucket pulumi.StringInput
	// Token is the CI system's registration token, a secret. Nil: the CI system needs none.
	Token pulumi.StringInput
}

// Type is a machine type with its weight: how much of the group's capacity one machine of the type is.
type Type struct {
	Name   string
	Weight int
}

// TokenParameter returns the name of the parameter that holds the registration token.
func (a *Args) TokenParameter() string { return a.Path + "/token" }

// PostureParameter returns the name of the parameter from which running machines read the posture. User data would reach new machines
// only.
func (a *Args) PostureParameter() string { return a.Path + "/posture" }

// Validate returns an error that lists every problem of the arguments.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	p := &kit.Problems{}
	p.RefuseIf(len(a.Types) == 0, "machine types are missing")
	for _, t := range a.Types {
		p.RefuseIf(t.Weight < 1 || t.Weight > maxWeight, "machine type %s: weight %d; want 1 to %d", t.Name, t.Weight, maxWeight)
	}
	p.RefuseIf(a.Min < 0 || a.Min > a.Max, "min %d; want 0 to max %d", a.Min, a.Max)
	p.RefuseIf(a.Posture == "", "the posture is missing; want active, standby or draining")
	p.RefuseIf(a.OnDemandPercent < 0 || a.OnDemandPercent > 100, "on-demand percentage %d; want 0 to 100", a.OnDemandPercent)
	p.RefuseIf(len(a.UserData) > kit.MaxUserData, "user data has %d bytes; want at most %d", len(a.UserData), kit.MaxUserData)
	p.RefuseIf(!strings.HasPrefix(a.Path, "/"), "path %q; want one that begins with a slash", a.Path)
	p.RefuseIf(!strings.HasPrefix(a.Image, "/"), "image %q; want the name of a parameter, which begins with a slash", a.Image)
	p.RefuseIf(a.HookSeconds < minHookSeconds || a.HookSeconds > maxHookSeconds,
		"lifecycle hooks of %d s; want %d to %d", a.HookSeconds, minHookSeconds, maxHookSeconds)
	p.RefuseIf(a.LifetimeDays < 1 || a.LifetimeDays > maxLifetimeDays, "a lifetime of %d days; want 1 to %d", a.LifetimeDays, maxLifetimeDays)
	return p.Combine()
}
