package cache

import (
	"strings"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	nfsPort   = 2049
	httpsPort = 443
)

// createSecurityGroup creates the servers' security group. In: NFS and hash-equivalence requests from exactly the runner subnets, and NFS
// from the other servers, since a new shard copies from the old ones. Out: NFS to the other servers, and HTTPS. DNS, time and instance
// metadata need no rule, because security groups do not filter them. HTTPS may go anywhere: EC2, Auto Scaling, Systems Manager,
// CloudWatch, S3 and Debian's mirrors have no fixed ranges; without internet access their names resolve to endpoints inside the network.
// NFS version 4 needs only this port. All servers accept hash-equivalence requests, though only one runs that server: a group for that
// one alone would have to move with it. No server waits for any rule but the last: the others exist one second after the group, and a
// server minutes later.
func (b *builder) createSecurityGroup() error {
	var err error
	if b.securityGroup, err = b.CreateSecurityGroup(
		b.ChildName("access"), b.args.VPC, "Cache servers: in from runners and from each other, HTTPS out",
	); err != nil {
		return err
	}
	for _, block := range b.args.RunnerCIDRs {
		key := strings.ReplaceAll(block.String(), "/", "-")
		if _, err := b.AllowIngress(b.ChildName("nfs", key), b.securityGroup, kit.Traffic{Port: nfsPort, CIDR: block.String()}); err != nil {
			return err
		}
		hashes := kit.Traffic{Port: b.args.HashPort, CIDR: block.String()}
		if _, err := b.AllowIngress(b.ChildName("hash", key), b.securityGroup, hashes); err != nil {
			return err
		}
	}
	among := kit.Traffic{Port: nfsPort, Group: b.securityGroup.ID()}
	if _, err := b.AllowIngress(b.ChildName("nfs", "servers"), b.securityGroup, among); err != nil {
		return err
	}
	if _, err := b.AllowEgress(b.ChildName("nfs", "servers"), b.securityGroup, among); err != nil {
		return err
	}
	b.https, err = b.AllowEgress(b.ChildName("https"), b.securityGroup, kit.Traffic{Port: httpsPort, CIDR: kit.Anywhere})
	return err
}
