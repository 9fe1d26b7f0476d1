package cache

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// checkLocalNFS returns an error unless the NFS server answers on this machine.
func (r *Role) checkLocalNFS(ctx context.Context) error {
	return checkNFS(ctx, r.nfsEndpoint(netip.AddrFrom4([4]byte{127, 0, 0, 1})))
}

// nfsTimeout is the time that the server may take to answer. Our estimate: a server whose threads all wait for the
// volume takes seconds.
const nfsTimeout = 10 * time.Second

// checkNFS calls the NULL procedure of NFS version 4, and returns an error when the server does not answer. A
// connection alone proves nothing: the kernel accepts it even if no thread can answer.
func checkNFS(ctx context.Context, address string) error {
	err := callNFS(ctx, address)
	if err != nil {
		return fmt.Errorf("the NFS server does not answer at %s: %w; check `systemctl status %s` and `dmesg`", address, err, nfsUnit)
	}
	return nil
}

// Fields of a remote procedure call. Sources: RFC 5531 (remote procedure calls, version 2), RFC 7530 (program and
// version).
const (
	lastFragment = 1 << 31
	rpcVersion   = 2
	nfsProgram   = 100003
	nfsVersion   = 4
	callNumber   = 0x62656163
	callWords    = 10
	replyWords   = 6
)

func callNFS(ctx context.Context, address string) error {
	connection, err := (&net.Dialer{Timeout: nfsTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(nfsTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// The last four words are empty credentials and an empty verifier.
	call := []uint32{lastFragment | callWords*4, callNumber, 0, rpcVersion, nfsProgram, nfsVersion, 0, 0, 0, 0, 0}
	if err := binary.Write(connection, binary.BigEndian, call); err != nil {
		return err
	}
	var reply [1 + replyWords]uint32
	if err := binary.Read(io.LimitReader(connection, (1+replyWords)*4), binary.BigEndian, &reply); err != nil {
		return err
	}
	// The reply must be a reply, to this call, accepted, with an empty verifier, and successful.
	if want := [1 + replyWords]uint32{lastFragment | replyWords*4, callNumber, 1, 0, 0, 0, 0}; reply != want {
		return fmt.Errorf("unexpected reply %x", reply)
	}
	return nil
}

// nfsEndpoint returns an address with the port of the NFS server.
func (r *Role) nfsEndpoint(address netip.Addr) string {
	return netip.AddrPortFrom(address, r.port).String()
}
