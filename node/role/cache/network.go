package cache

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
)

// routingTable is the number of the routing table for what leaves with the shard's address.
const routingTable = "2049"

// unmanagedFile keeps the image's own network configuration off the interface: with it, a second default route could send what comes from the
// machine's first address out of the shard's interface, where AWS drops it. The name sorts it before netplan's.
const unmanagedFile = "/etc/systemd/network/05-beachhead.network"

const networkd = "systemd-networkd.service"

// prepareInterface takes the interface with the address that runners mount from, and brings it up. Everything behind it serves by now.
func (r *Role) prepareInterface(ctx context.Context, me string) error {
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if err != nil && n.MAC == "" {
		return err
	}
	if n.AttachedTo != me {
		if err := r.excludeFromNetworkd(ctx, n.MAC); err != nil {
			return err
		}
	}
	if err := r.claimResource(ctx, me, r.interfaceResource()); err != nil {
		return err
	}
	// Again, since the subnet's range is known of an interface that the machine has.
	if n, err = r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface)); err != nil {
		return err
	}
	if !n.SubnetPrefix.IsValid() {
		return fmt.Errorf("the range of %s's subnet is not known yet; it is tried again: the instance metadata have it", n.ID)
	}
	link, err := r.waitLink(ctx, n)
	if err != nil {
		return err
	}
	if err := r.configureLink(ctx, link, n.Address, n.SubnetPrefix); err != nil {
		return err
	}
	return checkNFS(ctx, r.nfsEndpoint(n.Address))
}

// excludeFromNetworkd tells systemd-networkd, before the interface is there, that it is not its own.
func (r *Role) excludeFromNetworkd(ctx context.Context, mac string) error {
	text := "# Written by beachhead-node, which configures this interface itself.\n[Match]\nMACAddress=" + mac + "\n\n[Link]\nUnmanaged=yes\n"
	if _, err := r.host.WriteFile(unmanagedFile, 0o644, text); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "systemctl", "is-active", "--quiet", networkd); err != nil {
		// It does not run, so there is nobody to tell.
		return ctx.Err()
	}
	_, err := r.host.Run(ctx, "networkctl", "reload")
	if err != nil && ctx.Err() == nil {
		// networkctl speaks by D-Bus, which small images lack.
		_, err = r.host.Run(ctx, "systemctl", "restart", networkd)
	}
	return err
}

// findLink gives the name that Linux has for an interface, such as ens6; "" when it is not there.
func findLink(h host.Host, mac string) (string, error) {
	files, err := filepath.Glob(h.Path("/sys/class/net/*/address"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		// One that goes meanwhile is not the one.
		if text, err := os.ReadFile(file); err == nil && strings.EqualFold(strings.TrimSpace(string(text)), mac) {
			return filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", nil
}

func (r *Role) waitLink(ctx context.Context, n aws.NetworkInterface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	for {
		link, err := findLink(r.host, n.MAC)
		if link != "" || err != nil {
			return link, err
		}
		if err := host.Sleep(ctx, time.Second); err != nil {
			return "", fmt.Errorf("EC2 says that %s is attached, and no interface has its address %s: %w; look at ip link, "+
				"and replace the machine if it stays away", n.ID, n.MAC, err)
		}
	}
}

// configureLink gives the interface its address, and sees to it that answers leave by it: AWS drops what leaves with the address by another one. The
// machine's first interface is in the same subnet, so the address comes without a route, and only what has the address as its source looks
// into the table with the shard's.
func (r *Role) configureLink(ctx context.Context, link string, address netip.Addr, subnet netip.Prefix) error {
	own := netip.PrefixFrom(address, subnet.Bits()).String()
	gateway := subnet.Masked().Addr().Next().String() // AWS's router is a subnet's first host
	// Each interface answers for its own addresses alone, so that the neighbours learn the one that moves with the address. Coming up, it tells
	// them so.
	for key, value := range map[string]int{"all/arp_ignore": 1, "all/arp_announce": 2, link + "/arp_notify": 1} {
		if err := os.WriteFile(r.host.Path("/proc/sys/net/ipv4/conf/"+key), []byte(strconv.Itoa(value)+"\n"), 0o644); err != nil {
			return err
		}
	}
	if err := r.addSourceRule(ctx, address); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"address", "replace", own, "dev", link, "noprefixroute"},
		{"link", "set", "dev", link, "up"},
		{"route", "replace", subnet.Masked().String(), "dev", link, "scope", "link", "src", address.String(), "table", routingTable},
		{"route", "replace", "default", "via", gateway, "dev", link, "src", address.String(), "table", routingTable},
	} {
		if _, err := r.host.Run(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}

// addSourceRule has what comes from the address look into the table; ip itself would add the rule again each time.
func (r *Role) addSourceRule(ctx context.Context, address netip.Addr) error {
	rules, err := r.host.Run(ctx, "ip", "rule", "show")
	if err != nil || strings.Contains(rules, "from "+address.String()+" lookup "+routingTable) {
		return err
	}
	_, err = r.host.Run(ctx, "ip", "rule", "add", "from", address.String(), "lookup", routingTable)
	return err
}

// bringLinkDown takes the address away without a word: clients wait for an answer, and get it from the next server.
func (r *Role) bringLinkDown(ctx context.Context) error {
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if n.MAC == "" {
		return err
	}
	link, err := findLink(r.host, n.MAC)
	if err != nil || link == "" {
		return err
	}
	_, err = r.host.Run(ctx, "ip", "link", "set", "dev", link, "down")
	return err
}
