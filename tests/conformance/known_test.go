//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// known is one difference between the two sides that there may be, and its cause.
type known struct {
	// kind, typ and property are those of the difference; a * at the end stands for anything.
	kind, typ, property string
	cause               string
	// subset says that it is a difference of plugins that lack some resources alone: those of older Terraform providers.
	subset bool
}

// differences is the one list. An entry that meets nothing fails the test.
var differences = slices.Concat(ofPlugins, ofDefaults, ofMoto, ofChance, ofEmulator)

// why says the same cause of several properties of a type.
func why(cause, kind, typ string, properties ...string) []known {
	var all []known
	for _, p := range properties {
		all = append(all, known{kind: kind, typ: typ, property: p, cause: cause})
	}
	return all
}

// older marks differences that come with plugins of older Terraform providers alone.
func older(all ...[]known) []known {
	marked := slices.Concat(all...)
	for i := range marked {
		marked[i].subset = true
	}
	return marked
}

// ofPlugins are differences of versions: the emulated cloud presents pulumi-aws 6.83 and pulumi-gcp 7.38.
var ofPlugins = older(
	why("pulumi-aws's own code puts the provider's default tags among a resource's; a plugin without it has them in tagsAll only", "input",
		"aws:*", "tags.*"),
	why("as with the input", "output", "aws:*", "tags.*"),
	why("comes with a later Terraform provider", "input", "gcp:compute/haVpnGateway:HaVpnGateway", "gatewayIpVersion"),
	why("comes with a later Terraform provider", "output", "gcp:compute/haVpnGateway:HaVpnGateway", "gatewayIpVersion"),
	why("comes with a later Terraform provider", "output", "aws:ebs/volume:Volume", "createTime"),
	why("comes with a later Terraform provider", "output", "aws:ec2/vpcEndpoint:VpcEndpoint", "serviceRegion"),
)

// ofDefaults are defaults that one side has among the inputs and the other leaves to the cloud. Either way the cloud is told the same.
var ofDefaults = slices.Concat(
	why("the provider fills in a default of a nested block", "input", "aws:autoscaling/policy:Policy",
		"targetTrackingConfiguration.disableScaleIn"),
	why("the provider fills in a default of a nested block", "input", "aws:cloudwatch/metricAlarm:MetricAlarm", "metricQueries.returnData"),
	why("the provider fills in a default of a nested block", "input", "aws:dlm/lifecyclePolicy:LifecyclePolicy", "policyDetails.policyType"),
	why("the provider fills in a default of a nested block", "output", "aws:dlm/lifecyclePolicy:LifecyclePolicy", "policyDetails.policyType"),
	why("the provider fills in a default of a nested block", "input", "gcp:compute/router:Router", "bgp.keepaliveInterval"),
	why("the provider fills in a default of a nested block", "output", "gcp:compute/router:Router", "bgp.keepaliveInterval"),
	why("the provider fills in a default", "input", "aws:sns/topic:Topic", "contentBasedDeduplication", "fifoTopic"),
	why("the emulator fills in the default of the SDK's documentation", "input", "aws:ec2/vpc:Vpc", "instanceTenancy"),
	why("the emulator fills in the default of the SDK's documentation", "input", "aws:route53/record:Record", "allowOverwrite"),
	why("the emulator fills in the default of the SDK's documentation", "input", "aws:ssm/parameter:Parameter", "tier"),
)

// ofMoto are answers of moto that AWS would not give.
var ofMoto = slices.Concat(
	why("moto does not return it", "output", "aws:autoscaling/group:Group", "availabilityZoneDistribution.capacityDistributionStrategy"),
	why("moto does not return it", "output", "aws:cloudwatch/logGroup:LogGroup", "logGroupClass"),
	why("moto does not return it", "output", "aws:ec2/eip:Eip", "networkBorderGroup", "publicIpv4Pool"),
	why("moto does not return it", "output", "aws:ec2/flowLog:FlowLog", "logGroupName"),
	why("moto does not return it", "output", "aws:ec2/launchTemplate:LaunchTemplate", "metadataOptions.httpProtocolIpv6",
		"metadataOptions.instanceMetadataTags"),
	why("moto does not return it", "output", "aws:ec2/vpcEndpoint:VpcEndpoint", "cidrBlocks", "dnsOptions.dnsRecordIpType", "ipAddressType"),
	why("moto does not say whose interface a route leads to", "output", "aws:ec2/route:Route", "instanceId", "instanceOwnerId"),
	why("moto does not return it", "output", "aws:kms/key:Key", "rotationPeriodInDays"),
	why("moto does not return it", "output", "aws:s3/bucketV2:BucketV2", "requestPayer"),
	why("moto says the version of its own policy", "output", "aws:ec2/vpcEndpoint:VpcEndpoint", "policy.Version"),
	why("moto takes its addresses from outside the subnet", "output", "aws:ec2/natGateway:NatGateway", "privateIp"),
	why("the provider on moto has none for a second address, the emulator one of the subnet", "output", "aws:ec2/natGateway:NatGateway",
		"secondaryPrivateIpAddresses"),
	why("moto takes its addresses from outside the subnet", "output", "aws:ec2/eip:Eip", "privateDns", "privateIp"),
	why("moto takes its addresses from outside the subnet", "output", "aws:ec2/vpcEndpoint:VpcEndpoint", "subnetConfigurations.*"),
	why("moto has one name, in the wrong order, where AWS has one for each zone", "output", "aws:ec2/vpcEndpoint:VpcEndpoint", "dnsEntries"),
	why("moto knows of no second address of a NAT gateway", "output", "aws:ec2/eip:Eip", "networkInterface"),
	why("moto names every interface as in us-east-1", "output", "aws:ec2/networkInterface:NetworkInterface", "privateDnsName"),
	why("moto names the options of the VPC default", "output", "aws:ec2/vpc:Vpc", "dhcpOptionsId"),
	why("moto confirms subscriptions by itself", "output", "aws:sns/topicSubscription:TopicSubscription", "confirmationWasAuthenticated",
		"pendingConfirmation"),
	why("moto's answer here says when, and the emulated tunnel has never changed", "output", "aws:ec2/vpnConnection:VpnConnection",
		"vgwTelemetries.lastStatusChange"),
)

// ofChance is what a cloud makes up.
var ofChance = slices.Concat(
	why("made of the address", "output", "aws:ec2/eip:Eip", "publicDns"),
	why("made up", "output", "aws:ec2/networkInterface:NetworkInterface", "macAddress"),
	why("which zone is which differs between accounts", "output", "aws:ec2/subnet:Subnet", "availabilityZoneId"),
	why("made up", "output", "aws:iam/instanceProfile:InstanceProfile", "uniqueId"),
	why("made up", "output", "aws:iam/role:Role", "uniqueId"),
	why("made up", "output", "aws:route53/zone:Zone", "nameServers", "primaryNameServer"),
	why("made up", "output", "gcp:compute/externalVpnGateway:ExternalVpnGateway", "labelFingerprint"),
	why("made up", "output", "gcp:compute/vPNTunnel:VPNTunnel", "labelFingerprint", "tunnelId"),
)

// ofEmulator are answers in which the emulated cloud is simpler than the real one. Nothing in the program reads them.
var ofEmulator = slices.Concat(
	why("the emulator leaves it out", "output", "aws:autoscaling/group:Group",
		"mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.launchTemplateName"),
	why("the emulator leaves it out", "output", "aws:ec2/networkInterface:NetworkInterface", "privateIpLists"),
	why("the emulator leaves it out", "output", "aws:route53/zone:Zone", "vpcs.vpcRegion"),
	why("the emulator leaves it out", "output", "aws:s3/bucketV2:BucketV2", "grants", "hostedZoneId"),
	why("the emulator's id is what an import takes", "output", "aws:autoscaling/policy:Policy", "id"),
	why("the emulator's id is what an import takes", "output", "aws:s3/bucketObjectv2:BucketObjectv2", "id"),
	why("the emulator's id has another form", "output", "aws:sns/topicSubscription:TopicSubscription", "id"),
	why("the emulator has one key for all volumes, by its alias", "output", "aws:ebs/volume:Volume", "kmsKeyId"),
	why("the emulator's digest is not MD5", "output", "aws:s3/bucketObjectv2:BucketObjectv2", "etag"),
	why("the emulator's policy of a new topic is shorter than the service's", "output", "aws:sns/topic:Topic", "policy.*"),
	why("the emulator returns the name that it was given, GCP a link", "output", "gcp:compute/firewall:Firewall", "network"),
	why("the emulator returns the name that it was given, GCP a link", "output", "gcp:compute/haVpnGateway:HaVpnGateway", "network"),
	why("the emulator returns the name that it was given, GCP a link", "output", "gcp:compute/router:Router", "network"),
	why("the emulator returns the name that it was given, GCP a link", "output", "gcp:compute/routerInterface:RouterInterface", "vpnTunnel"),
	why("the emulator fills in the provider's region", "output", "gcp:compute/routerPeer:RouterPeer", "region"),
	why("the emulator says why a tunnel is down, the recorder nothing", "output", "gcp:compute/vPNTunnel:VPNTunnel", "detailedStatus"),
)

// findings remembers which entries were met.
type findings struct {
	mu  sync.Mutex
	met map[int]bool
}

// known says whether the list has a difference, and notes it.
func (f *findings) known(d difference, subset bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.met == nil {
		f.met = map[int]bool{}
	}
	found := false
	for i, k := range differences {
		if (!k.subset || subset) && matches(k.kind, d.kind) && matches(k.typ, d.typ) && matches(k.property, d.property) {
			f.met[i], found = true, true
		}
	}
	return found
}

// matches compares with a pattern, whose last * stands for anything.
func matches(pattern, text string) bool {
	if beginning, any := strings.CutSuffix(pattern, "*"); any {
		return strings.HasPrefix(text, beginning)
	}
	return pattern == text
}

// unmet gives the entries that met nothing.
func (f *findings) unmet(subset bool) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for i, k := range differences {
		if !f.met[i] && (!k.subset || subset) {
			all = append(all, fmt.Sprintf("%s %s %s: %s", k.kind, k.typ, k.property, k.cause))
		}
	}
	return all
}
