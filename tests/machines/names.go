//go:build machines

package machines

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names is the resolver: a name's address, by the longest suffix that is known.
type names struct {
	mutex     sync.Mutex
	addresses map[string]netip.Addr
}

func (n *names) set(name string, address netip.Addr) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.addresses[strings.ToLower(name)] = address
}

func (n *names) find(name string) (netip.Addr, bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for name = strings.ToLower(strings.TrimSuffix(name, ".")); name != ""; _, name, _ = strings.Cut(name, ".") {
		if address, known := n.addresses[name]; known {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// serve answers until the connection is closed.
func (n *names) serve(conn net.PacketConn) {
	packet := make([]byte, 4096)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if answer := n.answer(packet[:size]); answer != nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answer gives nil for what is no question.
func (n *names) answer(packet []byte) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(packet); err != nil || message.Response || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	address, known := n.find(question.Name.String())
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: message.ID, Response: true, RecursionDesired: message.RecursionDesired, RecursionAvailable: true},
		Questions: message.Questions,
	}
	switch {
	case !known:
		answer.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	raw, err := answer.Pack()
	if err != nil {
		return nil
	}
	return raw
}

// serveTime answers NTP, RFC 5905, with this machine's clock.
func serveTime(conn net.PacketConn) {
	packet := make([]byte, 512)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if size < 48 {
			continue
		}
		now := stamp(time.Now())
		answer := make([]byte, 48)
		answer[0], answer[1], answer[2], answer[3] = 4<<3|4, 3, packet[2], 0xec // version 4, server, stratum 3, a microsecond
		copy(answer[12:16], "LAB ")
		copy(answer[24:32], packet[40:48])
		for _, at := range []int{16, 32, 40} {
			binary.BigEndian.PutUint64(answer[at:], now)
		}
		_, _ = conn.WriteTo(answer, from)
	}
}

// stamp is a time in NTP's form: seconds since 1900 and their fraction.
func stamp(t time.Time) uint64 {
	return uint64(t.Unix()+2_208_988_800)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}
