//go:build machines

package lab

import (
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// names is the resolver. It answers with the address of the longest suffix of a name that it has.
type names struct {
	mutex     sync.Mutex
	addresses map[string]netip.Addr
}

func (n *names) setAddress(name string, address netip.Addr) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.addresses[strings.ToLower(name)] = address
}

func (n *names) findAddress(name string) (netip.Addr, bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for name = strings.ToLower(strings.TrimSuffix(name, ".")); name != ""; _, name, _ = strings.Cut(name, ".") {
		if address, known := n.addresses[name]; known {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// serveQueries answers queries until the connection is closed.
func (n *names) serveQueries(conn net.PacketConn) {
	packet := make([]byte, 4096)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if answer := n.answerQuery(packet[:size]); answer != nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answerQuery returns the answer to a packet, or nil if the packet is not a query.
func (n *names) answerQuery(packet []byte) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(packet); err != nil || message.Response || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	address, known := n.findAddress(question.Name.String())
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
