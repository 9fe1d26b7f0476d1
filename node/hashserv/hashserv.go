// Package hashserv is a hash-equivalence server for Yocto builds. BitBake asks it whether the output of a task, whose inputs have changed,
// is known under another hash (unihash), so that what depends on the output need not be built again. BitBake's own server is in no Debian
// package, and would bring Python with it: this one speaks the same protocol, "OEHASHEQUIV 1.1", to the clients of BitBake 2.0
// (kirkstone) and later. Source of the protocol and of what an answer must be: openembedded/bitbake, lib/hashserv and lib/bb/asyncrpc.
//
// It answers all that a build asks: get, get-outhash, get-stream, exists-stream, report, report-equiv, ping, and get-stats, reset-stats and
// backfill-wait beside them. It does not do what administers a database: users and their permissions (auth, become-user, new-user and the
// like), remove, clean-unused, the gc- commands, and get-db-usage; it answers them with an error, and closes the connection, as the original
// does where they are not allowed. A command that it does not know closes the connection without an answer, as there.
//
// It has no passwords: whoever reaches the port can report, as with the original's default. A wrong report can make a build take the output of
// one of its own older tasks, so the port belongs to runners alone.
//
// The database only grows: each output of each task is one record, and nothing is ever changed or removed. Losing the database, or going
// back to an older copy, makes builds slower and not wrong: a task whose unihash is not known goes by its own hash, which names
// nothing but its own output.
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

// Port is where the server listens by custom: that of the Yocto project's public server, hashserv.yoctoproject.org:8686.
const Port = 8686

// Limits of what one client, or a lot of them, can take from the machine.
const (
	// connectionLimit is how many connections are served at once: a build has one for itself and one for each task that reports. One
	// above it is closed at once; its build then goes without the answer.
	connectionLimit = 4096
	// idleTimeout is how long a connection may be silent between messages. A build keeps its connection to its end, and one that starts cold
	// takes nine hours. Machines that are gone are found by keepalive within two minutes.
	idleTimeout = 10 * time.Hour
	// stallTimeout is how long the rest of a begun line, or the client's reading of an answer, may take; BitBake gives up after 30 s itself.
	stallTimeout = time.Minute
)

// keepAlive finds clients whose machine is gone. Source: lib/bb/asyncrpc/serv.py sets the same.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}

// Serve answers clients until the context ends; then it closes the listener, the connections and the database, and gives nil. An answer to a
// report is given when the report is on the disk: a kill, or a power cut, at any moment loses nothing that was answered.
//
// The database is one file, which is made when it is not there; its folder is not, since a folder made here would be on the root disk while
// the data volume is not mounted. A file that cannot be read as a database, or is found damaged later, is moved to the same name with
// ".corrupt" behind it, in place of an older one, and a new one is started.
//
// It gives an error when the file cannot be opened for reasons of the machine (no folder, no right, no space, another process has it) or when
// the listener fails.
func Serve(ctx context.Context, listener net.Listener, database string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })() // only an error here means that it was closed before
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
	places   chan struct{} // holds one for each connection that is served
	sessions sync.WaitGroup
}

// acceptClients starts a session for each connection, until the listener fails, or is closed since the context has ended.
func (s *server) acceptClients(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			slog.Warn("hash equivalence: cannot accept a connection for now", "error", err)
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
			slog.Warn("hash equivalence: too many connections", "limit", connectionLimit, "refused", conn.RemoteAddr())
			_ = conn.Close()
		}
	}
}

func (s *server) serveClient(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // without it the connection works, and lasts idleLimit at most
	}
	session := newSession(conn, s.store, &s.stats)
	err := errors.Join(session.serveRequests(), session.out.Flush(), conn.Close())
	if ctx.Err() != nil || err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return
	}
	slog.Warn("hash equivalence: connection closed", "client", conn.RemoteAddr(), "error", err)
}
