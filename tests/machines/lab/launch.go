//go:build machines

package lab

import (
	"fmt"
	"net/netip"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// LaunchRunner boots a machine of a fleet in a zone, with the fleet's user data.
func (l *Lab) LaunchRunner(f plan.Fleet, zone string) *Machine {
	l.T.Helper()
	text, err := l.Plan.FleetUserData(f, l.Agent)
	l.Must(err)
	return l.LaunchMachine(f.Name, text, f.Types[0].Name, zone, l.Plan.Network.FleetTier)
}

// LaunchServer boots a server of a shard, with the shard's user data.
func (l *Lab) LaunchServer(s plan.Shard) *Machine {
	l.T.Helper()
	text, err := l.Plan.ShardUserData(s, l.Agent)
	l.Must(err)
	return l.LaunchMachine(s.Name, text, l.Plan.Cache.InstanceTypes[0], s.Zone, plan.CacheTier)
}

// CreateShard creates a shard's volume and interface, which outlive its servers, and returns their ids.
func (l *Lab) CreateShard(s plan.Shard, sizeGiB int) (volume, iface string) {
	l.T.Helper()
	tags := map[string]string{"Name": s.Name, "beachhead:cache": l.Plan.Name}
	return l.EC2.NewVolume(s.Zone, sizeGiB, tags), l.EC2.NewInterface(s.Address, true, tags)
}

// LaunchMachine boots a machine with any user data in a scaling group, where it waits for its ready hook.
func (l *Lab) LaunchMachine(group, userData, kind, zone string, tier plan.Tier) *Machine {
	l.T.Helper()
	one, first := l.newGroupInstance(group, userData, kind, zone, tier)
	l.bootMachine(one.machine, first.card)
	return one.machine
}

// LaunchBehind is LaunchMachine for a machine whose first interface exists already and outlives it, as in a launch template that names one.
func (l *Lab) LaunchBehind(iface, group, userData, kind, zone string) *Machine {
	l.T.Helper()
	l.EC2.mutex.Lock()
	first := l.EC2.interfaces[iface]
	if first.holder != "" {
		l.T.Fatalf("%s has %s", first.holder, iface)
	}
	one := l.EC2.newInstance(group, userData, kind, zone, first)
	l.EC2.mutex.Unlock()
	l.Scaling.addMember(one.machine, group)
	l.bootMachine(one.machine, first.card)
	return one.machine
}

// newGroupInstance creates an instance with an interface of its own in a group.
func (l *Lab) newGroupInstance(group, userData, kind, zone string, tier plan.Tier) (*instance, *netInterface) {
	l.T.Helper()
	l.EC2.mutex.Lock()
	first := l.EC2.newInterface(l.nextFreeAddress(zone, tier), true, map[string]string{})
	one := l.EC2.newInstance(group, userData, kind, zone, first)
	l.EC2.mutex.Unlock()
	l.Scaling.addMember(one.machine, group)
	return one, first
}

// newInstance creates an instance with its first interface. The caller holds the mutex.
func (e *EC2) newInstance(group, userData, kind, zone string, first *netInterface) *instance {
	one := &instance{
		id: e.newID("i"), kind: kind, zone: zone, userData: userData, state: "running", address: first.card.address, notices: map[string]string{},
	}
	first.holder, first.state, first.attachment = one.id, "attached", e.newID("eni-attach")
	one.machine = &Machine{ID: one.id, Name: fmt.Sprintf("%s-%d", group, len(e.instances)+1), lab: e.lab, Gone: make(chan struct{}),
		ports: map[string]string{}}
	e.instances[one.id] = one
	return one
}

// nextFreeAddress returns the next address of a subnet for a machine's first interface, above the fixed ones. The caller holds EC2's mutex.
func (l *Lab) nextFreeAddress(zone string, tier plan.Tier) netip.Addr {
	for _, z := range l.Plan.Network.Zones {
		if z.Name != zone {
			continue
		}
		raw := z.Subnets[tier].Masked().Addr().As4()
		raw[3] += 100
		for address := netip.AddrFrom4(raw); ; address = address.Next() {
			if l.fabric.cardAt(address) == nil {
				return address
			}
		}
	}
	l.T.Fatalf("the region has no zone %s", zone)
	return netip.Addr{}
}
