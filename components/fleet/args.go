// Package fleet is the component that makes one fleet of runner machines: launch template, group, hooks, scaling, and a role that may do
// exactly what the machines' agent calls.
package fleet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// maxUserData is what EC2 takes, in bytes before it is encoded.
const maxUserData = 16 << 10

// Args describes a fleet.
type Args struct {
	// Region and Account are where the fleet is: they are part of the names that its role is confined to.
	Region, Account string
	// Path begins the names of the fleet's parameters and of its metrics, such as /beachhead/us-west-1/fleets/containers-arm64.
	Path string
	// Types are the machine types, best first.
	Types []Type
	// Min and Max bound the group, in the unit of the types' weights. Both are 0 where nothing may run.
	Min, Max int
	// OnDemandBase is the capacity that is on demand before any is spot, OnDemandPercent the part of the rest that is.
	OnDemandBase, OnDemandPercent int
	// Launching is false where running machines may end their jobs and no new one may start.
	Launching bool
	// Posture is what the machines are to do: active, standby or draining.
	Posture string
	// DiskGiB is the size of the root disk.
	DiskGiB int
	// Image is the parameter that holds the newest image's id. EC2 reads it when a machine starts, so a newer image replaces nothing.
	Image string
	// PublicAddress says whether machines get public addresses of their own.
	PublicAddress bool
	// UserData is what a machine runs at its first boot; it holds no secrets.
	UserData string
	// HookSeconds is for how long a machine may be silent while it starts or drains.
	HookSeconds int
	// LifetimeDays is after how many days a machine is replaced.
	LifetimeDays int
	// BusyPercent is the part of busy machines that scaling aims at.
	BusyPercent float64
	// ReadParameters are names of parameters that machines read besides their token, such as the cache's map. IAM takes a * in them for
	// any text, slashes too.
	ReadParameters []string
	// Tags are set on what the engine's default tags do not reach: machines, their volumes and interfaces.
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

// Type is a machine type with its weight: how much of the group's capacity a machine of it is.
type Type struct {
	Name   string
	Weight int
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("a fleet needs arguments")
	}
	var errs *multierror.Error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = multierror.Append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(len(a.Types) == 0, "it has no machine types")
	for _, t := range a.Types {
		refuse(t.Weight < 1 || t.Weight > 999, "%s weighs %d; want 1 to 999", t.Name, t.Weight)
	}
	refuse(a.Min < 0 || a.Min > a.Max, "min %d is not between 0 and max %d", a.Min, a.Max)
	refuse(a.Posture == "", "it has no posture")
	refuse(a.OnDemandPercent < 0 || a.OnDemandPercent > 100, "%d percent on demand", a.OnDemandPercent)
	refuse(len(a.UserData) > maxUserData, "user data of %d bytes; EC2 takes %d", len(a.UserData), maxUserData)
	refuse(!strings.HasPrefix(a.Path, "/"), "path %q; want one that begins with a slash", a.Path)
	refuse(!strings.HasPrefix(a.Image, "/"), "image %q; want the name of a parameter", a.Image)
	// EC2 Auto Scaling's limits: a hook of 30 to 7,200 seconds, a lifetime of one day or more.
	refuse(a.HookSeconds < 30 || a.HookSeconds > 7200, "hooks of %d s; want 30 to 7200", a.HookSeconds)
	refuse(a.LifetimeDays < 1 || a.LifetimeDays > 365, "a lifetime of %d days; want 1 to 365", a.LifetimeDays)
	return errs.ErrorOrNil()
}
