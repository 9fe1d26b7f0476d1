// Package hashserv is a hash-equivalence server for Yocto builds. BitBake queries it for a task whose inputs have
// changed: if the task's output is known under another hash (unihash), everything that depends on the output needs no
// new build. BitBake's own server is not packaged in Debian and would require Python. This one speaks the same
// protocol, "OEHASHEQUIV 1.1", with the clients of BitBake 2.0 (kirkstone) and later. Source of the protocol and of the
// answers: openembedded/bitbake, lib/hashserv and lib/bb/asyncrpc.
//
// It answers all commands that a build uses: get, get-outhash, get-stream, exists-stream, report, report-equiv and
// ping. It also answers get-stats, reset-stats and backfill-wait. It refuses the commands that administer a database:
// users and their permissions (auth, become-user, new-user and others), remove, clean-unused, the gc- commands, and
// get-db-usage. It answers these with an error and closes the connection, as the original does where they are not
// allowed. For an unknown command it closes the connection without an answer, like the original.
//
// It has no passwords: every client that reaches the port can report, as with the original's default. A wrong report
// can make a build use the output of one of its own older tasks, so only runners may reach the port.
//
// The database only grows: each output of each task is one record, and records never change. A lost database, or an
// older copy, makes builds slower but not wrong: a task without a known unihash uses its own hash, which names only its
// own output.
package hashserv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Port is the customary port of the service, as at the Yocto project's public server, hashserv.yoctoproject.org:8686.
const Port = 8686

// These limits bound what one client, or many, can use of the machine.
const (
	// connectionLimit is the number of connections served at once: a build has one for itself and one for each task
	// that reports. The server closes further connections at once; their builds continue without an answer.
	connectionLimit = 4096
	// idleTimeout is the time for which a connection may be silent between messages. A build keeps its connection until
	// its end, and a cold build takes nine hours. Keepalive detects machines that are gone within two minutes.
	idleTimeout = 10 * time.Hour
	// stallTimeout is the time for the rest of a line that has begun, and for the client to read an answer. BitBake
	// itself gives up after 30 s.
	stallTimeout = time.Minute
)

// keepAlive detects clients whose machine is gone. Source: lib/bb/asyncrpc/serv.py sets the same values.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}

// Serve answers clients until the context ends. It then closes the listener, the connections and the database, and
// returns nil. It answers a report only when the report is on the disk: a kill or a power cut at any moment loses no
// report that it answered.
//
// The database is one file. Serve creates the file but not its folder: while the data volume is not mounted, the folder
// would be on the root disk. If the file is not a valid database, or turns out to be damaged later, Serve renames it
// with the suffix ".corrupt", replaces an earlier such file, and starts a new database.
//
// Serve returns an error when the machine prevents it from opening the file (no folder, no permission, no space,
// another process holds it), or when the listener fails.
func Serve(ctx context.Context, listener net.Listener, database string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })() // an error here only means that it was closed before
	store, err := openStore(database)
	if err != nil {
		_ = listener.Close()
		return err
	}
	server := server{store: store, places: make(chan struct{}, connectionLimit)}
	err = server.acceptClients(ctx, listener)
	stopped := ctx.Err() != nil
	cancel()
	server.sessions.Wait()
	if closed := store.close(); closed != nil {
		return errors.Join(err, closed)
	}
	if stopped {
		return nil
	}
	return fmt.Errorf("hash equivalence: accepting connections on %s: %w", listener.Addr(), err)
}

type server struct {
	store    *store
	stats    stats
	places   chan struct{} // holds one entry for each connection that is served
	sessions sync.WaitGroup
}

// acceptClients starts a session for each connection until the listener fails or the context ends, which closes the
// listener.
func (s *server) acceptClients(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			slog.Warn("hash equivalence: cannot accept a connection; the server retries it", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		case err != nil:
			return err
		}
		select {
		case s.places <- struct{}{}:
			s.sessions.Go(func() {
				defer func() { <-s.places }()
				s.serveClient(ctx, conn)
			})
		default:
			slog.Warn("hash equivalence: refused a connection above the limit", "limit", connectionLimit, "refused", conn.RemoteAddr())
			_ = conn.Close()
		}
	}
}

func (s *server) serveClient(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // without it the connection works, and lasts idleTimeout at most
	}
	session := newSession(conn, s.store, &s.stats)
	err := errors.Join(session.serveRequests(), session.out.Flush(), conn.Close())
	if ctx.Err() != nil || err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return
	}
	slog.Warn("hash equivalence: connection closed", "client", conn.RemoteAddr(), "error", err)
}
