// Package nat is the role of a NAT instance: it forwards what other machines send outside, in its own name. Its interface is the
// machine's first, which the launch template names, so that address and routes are its own from the start and nothing has to be taken over.
package nat

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// The files that the role writes.
const (
	sysctlFile     = "/etc/sysctl.d/60-beachhead-nat.conf"
	ruleFile       = "/etc/beachhead/nat.nft"
	checkInterval  = time.Minute
	connectTimeout = 3 * time.Second
	forwardFile    = "/proc/sys/net/ipv4/ip_forward"
)

// Role is the role of a NAT instance.
type Role struct {
	host host.Host
	nat  spec.NAT
	// internetAddress is a place that is reached by the internet gateway alone.
	internetAddress string
}

// New gives the role of the described machine. It calls AWS for nothing.
func New(h host.Host, d spec.Description, _ *aws.Client) *Role {
	// STS, since it is the region's own and the stack has no endpoint for it. S3 was refused: its gateway endpoint answers in every region
	// that Beachhead makes, so that reaching it says nothing about the way out.
	return &Role{host: h, nat: *d.NAT, internetAddress: "sts." + d.Region + ".amazonaws.com:443"}
}

// Prepare makes the kernel forward and masquerade, and checks that it does and that there is a way out. It does all of it at every start of
// the machine; only the sysctl file would work without.
func (r *Role) Prepare(ctx context.Context) error {
	if err := r.host.InstallPackages(ctx, "nftables"); err != nil {
		return fmt.Errorf("installing nftables: %w; check that the machine's subnet reaches the Debian mirrors", err)
	}
	device, err := r.findDefaultDevice()
	if err != nil {
		return err
	}
	memory, err := r.readMemory()
	if err != nil {
		return err
	}
	// Its settings exist once the module is there.
	if _, err := r.host.Run(ctx, "modprobe", "nf_conntrack"); err != nil {
		return fmt.Errorf("%w; the image's kernel needs connection tracking: take a stock Debian image", err)
	}
	if _, err := r.host.WriteFile(sysctlFile, 0o644, renderSysctl(memory, device)); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "sysctl", "--quiet", "--load="+r.host.Path(sysctlFile)); err != nil {
		return err
	}
	if _, err := r.host.WriteFile(ruleFile, 0o644, renderRules(r.nat.Sources, device)); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "nft", "--file", r.host.Path(ruleFile)); err != nil {
		return err
	}
	return r.selfCheck(ctx)
}

// selfCheck is what the machine must pass before routes lead to it.
func (r *Role) selfCheck(ctx context.Context) error {
	if err := r.checkForwarding(ctx); err != nil {
		return err
	}
	connection, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", r.internetAddress)
	if err != nil {
		return fmt.Errorf("no way out: %w; check the elastic address on the machine's interface, the public subnet's route to the internet gateway, and the "+
			"security group's way out", err)
	}
	return connection.Close()
}

// checkForwarding says whether rules and forwarding are still as Prepare made them.
func (r *Role) checkForwarding(ctx context.Context) error {
	if _, err := r.host.Run(ctx, "nft", "list", "chain", "ip", tableName, "postrouting"); err != nil {
		return fmt.Errorf("the NAT rules are gone: %w; the next start of the agent loads %s again: see what else on the machine changes nftables", err, ruleFile)
	}
	on, err := r.readNumber(forwardFile)
	if err != nil {
		return err
	}
	if on != 1 {
		return fmt.Errorf("%s says %d; the next start of the agent loads %s again: see what else sets it", forwardFile, on, sysctlFile)
	}
	return nil
}

// Serve looks every minute whether the kernel still forwards, which is all that there is to do. The way out is not looked at: nothing on the
// machine can mend it.
func (r *Role) Serve(ctx context.Context) error {
	for host.Sleep(ctx, checkInterval) == nil {
		if err := r.checkForwarding(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// Drain has nothing to wait for: connections live in the kernel and end with the machine, and the next one begins without them.
func (r *Role) Drain(context.Context) error { return nil }

// CollectMetrics say how full the table of connections is; when it is full, new connections are dropped.
func (r *Role) CollectMetrics(context.Context) ([]aws.Metric, error) {
	count, err := r.readNumber("/proc/sys/net/netfilter/nf_conntrack_count")
	if err != nil {
		return nil, err
	}
	limit, err := r.readNumber("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return nil, err
	}
	return []aws.Metric{{Name: "ConntrackPercent", Unit: "Percent", Value: 100 * float64(count) / float64(max(limit, 1))}}, nil
}

// readKernelFile gives a file of the kernel's.
func (r *Role) readKernelFile(file string) (string, error) {
	text, err := os.ReadFile(r.host.Path(file))
	if err != nil {
		return "", fmt.Errorf("%w; it is the kernel's: see whether the machine has a stock Debian kernel", err)
	}
	return string(text), nil
}

func (r *Role) readNumber(file string) (int, error) {
	text, err := r.readKernelFile(file)
	if err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		return 0, fmt.Errorf("%s says %q: %w; want a number", file, text, err)
	}
	return n, nil
}

func (r *Role) findDefaultDevice() (string, error) {
	text, err := r.readKernelFile("/proc/net/route")
	if err != nil {
		return "", err
	}
	return parseDefaultDevice(text)
}

func (r *Role) readMemory() (int, error) {
	text, err := r.readKernelFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return parseMemory(text)
}
