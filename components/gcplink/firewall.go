package gcplink

import (
	"net/netip"
	"strconv"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createFirewallRules lets runners in to each service's ports at its address. Each service has a rule of its own, since one rule for all
// would open every service's ports at every address. The address is the destination, and there are no targets: target tags or service
// accounts would have to be on machines that Beachhead does not manage, and a rule with neither targets nor destination would open the
// ports on every machine of the network. (GCP accepts sources and destinations in one rule, and its provider does from 4.49 on:
// cloud-foundation-fabric, issue 1303. Proxy load balancers answer at their address whatever the firewall allows; for those a rule is
// unnecessary and harmless.)
func (b *builder) createFirewallRules() error {
	var sources pulumi.StringArray
	for _, r := range b.args.Sources {
		sources = append(sources, pulumi.String(r.String()))
	}
	for _, s := range b.args.Services {
		var ports pulumi.StringArray
		for _, p := range s.Ports {
			ports = append(ports, pulumi.String(strconv.Itoa(p)))
		}
		address := netip.PrefixFrom(s.Address, s.Address.BitLen())
		if _, err := kit.Create(b.Component, compute.NewFirewall, b.ChildName("service", s.Name), &compute.FirewallArgs{
			Name: b.nameInGCP("service", s.Name), Network: pulumi.String(b.args.Network), Direction: pulumi.String("INGRESS"),
			SourceRanges: sources, DestinationRanges: pulumi.StringArray{pulumi.String(address.String())},
			Allows:      compute.FirewallAllowArray{compute.FirewallAllowArgs{Protocol: pulumi.String("tcp"), Ports: ports}},
			Description: pulumi.String("Beachhead: runners to the service " + s.Name),
		}, deleteFirst()); err != nil {
			return err
		}
	}
	return nil
}
