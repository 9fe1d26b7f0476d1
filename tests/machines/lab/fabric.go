//go:build machines

package lab

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// mac is a hardware address.
type mac [6]byte

func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// router is the hardware address of the implicit router of every subnet.
var router = mac{0x02, 0xbe, 0xac, 0, 0, 1}

// maximum is the longest frame that a machine may send: virtio hands over up to 64 KiB when it segments, which no machine here is offered.
const maximum = 1 << 16

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
)

// card is a network interface as the network sees it: one place in it, with or without a machine behind.
type card struct {
	mac     mac
	address netip.Addr
	subnet  netip.Prefix
	// checked says that only packets from and to its own address pass, as EC2's source and destination check.
	checked bool
	// cut drops everything, as a broken cable does.
	cut bool
	// to is nil while no machine has it.
	to io.Writer
}

// fabric is a VPC's network. As in a VPC, nothing is ever flooded: who has which address is known, addresses are resolved by the network itself,
// and the implicit router sends packets by their destination and by the sender's subnet.
type fabric struct {
	mutex sync.Mutex
	cards map[mac]*card
	// outside takes what leaves for the internet or for AWS, as IP packets.
	outside func(packet []byte)
	// direct are addresses that every subnet reaches whatever its way: the resolver, the clock, the metadata, gateway endpoints.
	direct map[netip.Addr]bool
	// routes are the machines that carry a subnet's traffic to the outside; subnets without an entry have an internet gateway.
	routes map[netip.Prefix]mac
	// lease is what a machine gets by DHCP beside its address.
	resolver netip.Addr
}

// addCard makes a place for an interface.
func (f *fabric) addCard(c *card) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.cards[c.mac] = c
}

// serveMachine moves frames between the network and a machine until the connection ends. A frame comes with its length before it: this is how
// QEMU's stream network works.
func (f *fabric) serveMachine(c *card, machine net.Conn) {
	f.mutex.Lock()
	c.to = machine
	f.mutex.Unlock()
	defer func() {
		f.mutex.Lock()
		if c.to == machine {
			c.to = nil
		}
		f.mutex.Unlock()
		_ = machine.Close()
	}()
	var size [4]byte
	for {
		if _, err := io.ReadFull(machine, size[:]); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(size[:])
		if length > maximum {
			return
		}
		frame := make([]byte, length)
		if _, err := io.ReadFull(machine, frame); err != nil {
			return
		}
		f.handleFrame(c, frame)
	}
}

// handleFrame handles what a machine sent.
func (f *fabric) handleFrame(from *card, frame []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(frame) < 14 || from.cut || mac(frame[6:12]) != from.mac {
		return
	}
	payload := frame[14:]
	switch binary.BigEndian.Uint16(frame[12:14]) {
	case etherARP:
		f.answerARP(from, payload)
	case etherIPv4:
		if len(payload) < 20 {
			return
		}
		if lease := answerDHCP(from, f.resolver, payload); lease != nil {
			f.writeFrame(from, router, etherIPv4, lease)
			return
		}
		source := netip.AddrFrom4([4]byte(payload[12:16]))
		if !from.checked || source == from.address {
			f.forwardPacket(from, payload)
		}
	}
}

// forwardPacket sends a packet to where its destination is. The caller holds the mutex.
func (f *fabric) forwardPacket(from *card, packet []byte) {
	target := netip.AddrFrom4([4]byte(packet[16:20]))
	if to := f.cardAt(target); to != nil {
		f.writeFrame(to, senderMAC(from, to), etherIPv4, packet)
		return
	}
	way, carried := f.routes[from.subnet]
	if !carried || f.direct[target] {
		f.outside(packet)
		return
	}
	if to := f.cards[way]; to != nil && !to.checked {
		f.writeFrame(to, router, etherIPv4, packet)
	}
}

// senderMAC is whose hardware address a frame bears: the other machine's within a subnet, and the router's across.
func senderMAC(from, to *card) mac {
	if from.subnet == to.subnet {
		return from.mac
	}
	return router
}

// deliverFromOutside takes a packet from outside.
func (f *fabric) deliverFromOutside(packet []byte) {
	if len(packet) < 20 {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if to := f.cardAt(netip.AddrFrom4([4]byte(packet[16:20]))); to != nil {
		f.writeFrame(to, router, etherIPv4, packet)
	}
}

func (f *fabric) cardAt(address netip.Addr) *card {
	for _, c := range f.cards {
		if c.address == address {
			return c
		}
	}
	return nil
}

// writeFrame writes a frame to a machine. One that does not take it within a second loses it, so that a stopped machine stops no other.
func (f *fabric) writeFrame(to *card, from mac, kind uint16, payload []byte) {
	if to.to == nil || to.cut {
		return
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(14+len(payload)))
	frame = append(append(frame, to.mac[:]...), from[:]...)
	frame = append(binary.BigEndian.AppendUint16(frame, kind), payload...)
	if conn, ok := to.to.(net.Conn); ok {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	if _, err := to.to.Write(frame); err != nil {
		to.to = nil // half a frame may be out: nothing after it would make sense
	}
}

// answerARP answers a question for a hardware address, for the machines of the subnet and for the addresses that AWS keeps in each subnet.
func (f *fabric) answerARP(from *card, question []byte) {
	if len(question) < 28 || binary.BigEndian.Uint16(question[6:8]) != 1 {
		return
	}
	target := netip.AddrFrom4([4]byte(question[24:28]))
	var owner mac
	switch to := f.cardAt(target); {
	case to != nil && to != from && to.subnet == from.subnet:
		owner = to.mac
	case to == nil && (target.IsLinkLocalUnicast() || isReserved(from.subnet, target)):
		owner = router
	default:
		return
	}
	answer := append([]byte{}, question[:28]...)
	binary.BigEndian.PutUint16(answer[6:8], 2)
	copy(answer[8:14], owner[:])
	copy(answer[14:18], question[24:28])
	copy(answer[18:28], question[8:18])
	f.writeFrame(from, owner, etherARP, answer)
}

// isReserved says whether an address is one of the three after a subnet's first, which AWS keeps: router, resolver, future use.
func isReserved(subnet netip.Prefix, address netip.Addr) bool {
	one := subnet.Masked().Addr()
	for range 3 {
		if one = one.Next(); one == address {
			return true
		}
	}
	return false
}

// newMAC makes a hardware address from an interface's id.
func newMAC(id string) mac {
	raw, err := hex.DecodeString(id[len(id)-10:])
	if err != nil {
		panic("an interface's id ends in hexadecimal: " + id)
	}
	return mac(append([]byte{0x02}, raw...))
}
