package gcplink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// AdmissionType is the component's type token.
const AdmissionType = "beachhead:gcp:Admission"

// MaxAdmitted is the number of addresses that one rule accepts. Source: Compute Engine API reference, SecurityPolicyRuleMatcherConfig.
const MaxAdmitted = 10

// lastPriority is the priority of the default rule, which every policy has and which applies where no other rule does.
const lastPriority = 2147483647

// AdmissionArgs describes the Cloud Armor rule that lets in a region's runners where they reach GCP over the internet.
type AdmissionArgs struct {
	// Stack is the region file's name. It is part of the rule's description, by which people and Beachhead recognise the rule.
	Stack string
	// Project is the GCP project, and Policy the name of a Cloud Armor policy in it. Beachhead does not manage the policy's other rules and
	// does not change them.
	Project, Policy string
	// Priority is the rule's priority in the policy, 0 to 2147483646. GCP evaluates 0 first. No other rule of the policy may have it.
	Priority int
	// Addresses are the IPv4 addresses from which the region's traffic comes, 1 to MaxAdmitted, by any names.
	Addresses pulumi.StringMapInput
}

// Admission is a region's rule in an existing Cloud Armor policy.
type Admission struct {
	pulumi.ResourceState

	// Ranges are the ranges that the rule lets in, one for each address, sorted.
	Ranges pulumi.StringArrayOutput `pulumi:"ranges"`
}

// NewAdmission creates the rule. It needs a gcp provider. It waits for the addresses only and takes 2 seconds by the model durations. (An
// address list with its own life cycle was refused: it would be one more resource to find again, for one rule.)
func NewAdmission(ctx *pulumi.Context, name string, args *AdmissionArgs, opts ...pulumi.ResourceOption) (*Admission, error) {
	a := &Admission{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "admission", Token: AdmissionType}, name, a, args, opts...)
	if err != nil {
		return nil, err
	}
	if err := component.RunSteps(func() error { return a.createRule(component, args) }); err != nil {
		return nil, err
	}
	return a, component.PublishOutputs(pulumi.Map{"ranges": a.Ranges})
}

// createRule creates the rule. Its description identifies it and must never change: rules have no names.
func (a *Admission) createRule(c *kit.Component, args *AdmissionArgs) error {
	a.Ranges = args.Addresses.ToStringMapOutput().ApplyT(listRanges).(pulumi.StringArrayOutput)
	_, err := kit.Create(c, compute.NewSecurityPolicyRule, c.Name(), &compute.SecurityPolicyRuleArgs{
		Project: pulumi.String(args.Project), SecurityPolicy: pulumi.String(args.Policy), Priority: pulumi.Int(args.Priority),
		Action: pulumi.String("allow"), Description: pulumi.String("Beachhead: runners of " + args.Stack),
		Match: compute.SecurityPolicyRuleMatchArgs{
			VersionedExpr: pulumi.String("SRC_IPS_V1"), Config: compute.SecurityPolicyRuleMatchConfigArgs{SrcIpRanges: a.Ranges},
		},
	})
	return err
}

// Validate returns an error that lists every problem of the arguments.
func (a *AdmissionArgs) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	p := &kit.Problems{}
	p.RefuseIf(a.Stack == "" || a.Project == "" || a.Policy == "",
		"stack %q, project %q, policy %q; want all of them", a.Stack, a.Project, a.Policy)
	p.RefuseIf(a.Priority < 0 || a.Priority >= lastPriority,
		"priority %d; want 0 to %d: the next one belongs to the default rule", a.Priority, lastPriority-1)
	p.RefuseIf(a.Addresses == nil, "addresses are missing; a region that reaches GCP over the link only needs no rule")
	return p.Combine()
}

// listRanges returns a range for each address, sorted so that the same addresses are never a change. It returns an error for too many
// addresses: a second rule for the rest would need a priority that the region file does not have.
func listRanges(addresses map[string]string) ([]string, error) {
	switch n := len(addresses); {
	case n == 0:
		return nil, errors.New("the region has no fixed addresses to let in: set network.egress to a mode with NAT, or remove gcp.securityPolicy")
	case n > MaxAdmitted:
		return nil, fmt.Errorf("%d addresses to let in; one rule accepts at most %d: "+
			"set network.addresses lower, or network.egress to nat-gateway", n, MaxAdmitted)
	}
	ranges := make([]netip.Prefix, 0, len(addresses))
	for key, text := range addresses {
		address, err := netip.ParseAddr(text)
		if err != nil || !address.Is4() {
			return nil, fmt.Errorf("address %s: %q; want an IPv4 address", key, text)
		}
		ranges = append(ranges, netip.PrefixFrom(address, address.BitLen()))
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	var all []string
	for _, r := range slices.Compact(ranges) {
		all = append(all, r.String())
	}
	return all, nil
}
