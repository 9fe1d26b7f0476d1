package gcplink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// AdmissionType is the component's type token.
const AdmissionType = "beachhead:gcp:Admission"

// MaxAdmitted is how many addresses one rule takes. Source: Compute Engine API reference, SecurityPolicyRuleMatcherConfig.
const MaxAdmitted = 10

// lastPriority is that of the default rule, which every policy has and which decides what no other rule does.
const lastPriority = 2147483647

// AdmissionArgs describes how a region's runners are let in where they come from the internet.
type AdmissionArgs struct {
	// Stack is the region file's name, by which people know whose rule it is.
	Stack string
	// Project is the GCP project, and Policy the name of a Cloud Armor policy in it. Its other rules are not ours and stay as they are.
	Project, Policy string
	// Priority is the rule's place in the policy, 0 to 2147483646: 0 is asked first. No other rule of the policy may have it.
	Priority int
	// Addresses are the IPv4 addresses that the region's traffic comes from, 1 to MaxAdmitted, by any names.
	Addresses pulumi.StringMapInput
}

// Admission is the rule of a region in a policy that was there before.
type Admission struct {
	pulumi.ResourceState

	// Ranges are those that are let in, one for each address, sorted.
	Ranges pulumi.StringArrayOutput `pulumi:"ranges"`
}

// NewAdmission makes the rule. It needs a gcp provider and waits for the addresses alone, 2 seconds by the model durations. A list of
// addresses with its own life cycle was refused: it would be one more thing to find again, for one rule.
func NewAdmission(ctx *pulumi.Context, name string, args *AdmissionArgs, opts ...pulumi.ResourceOption) (*Admission, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("admission %q: %w", name, err)
	}
	a := &Admission{}
	if err := ctx.RegisterComponentResource(AdmissionType, name, a, opts...); err != nil {
		return nil, fmt.Errorf("registering admission %q: %w", name, err)
	}
	a.Ranges = args.Addresses.ToStringMapOutput().ApplyT(admitted).(pulumi.StringArrayOutput)
	if _, err := compute.NewSecurityPolicyRule(ctx, name, &compute.SecurityPolicyRuleArgs{
		Project: pulumi.String(args.Project), SecurityPolicy: pulumi.String(args.Policy), Priority: pulumi.Int(args.Priority),
		Action: pulumi.String("allow"), Description: pulumi.String("Beachhead: runners of " + args.Stack),
		Match: compute.SecurityPolicyRuleMatchArgs{
			VersionedExpr: pulumi.String("SRC_IPS_V1"), Config: compute.SecurityPolicyRuleMatchConfigArgs{SrcIpRanges: a.Ranges},
		},
	}, pulumi.Parent(a)); err != nil {
		return nil, fmt.Errorf("admission %q: %w", name, err)
	}
	return a, ctx.RegisterResourceOutputs(a, pulumi.Map{"ranges": a.Ranges})
}

func (a *AdmissionArgs) validate() error {
	if a == nil {
		return errors.New("it needs arguments")
	}
	var errs *multierror.Error
	if a.Stack == "" || a.Project == "" || a.Policy == "" {
		errs = multierror.Append(errs, errors.New("it needs the names of its stack, of the project and of the policy"))
	}
	if a.Priority < 0 || a.Priority >= lastPriority {
		errs = multierror.Append(errs, fmt.Errorf("priority %d; want 0 to %d, since the last is the default rule's", a.Priority, lastPriority-1))
	}
	if a.Addresses == nil {
		errs = multierror.Append(errs, errors.New("addresses: none; a region that reaches GCP over the link alone needs no rule"))
	}
	return errs.ErrorOrNil()
}

// admitted turns addresses into ranges of one address each, sorted so that the same addresses are never a change. Too many are an error:
// a second rule for the rest would take a priority that nobody gave it.
func admitted(addresses map[string]string) ([]string, error) {
	switch n := len(addresses); {
	case n == 0:
		return nil, errors.New("the region has no fixed addresses to let in: choose a network.egress with NAT, or take gcp.securityPolicy out")
	case n > MaxAdmitted:
		return nil, fmt.Errorf("%d addresses to let in and one rule takes %d: set network.addresses lower, or network.egress to nat-gateway",
			n, MaxAdmitted)
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
