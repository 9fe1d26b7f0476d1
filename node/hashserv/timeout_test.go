package hashserv

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// startSession serves one connection in a bubble with its own time. It returns the client's end of it, and the server's
// error once the session is over.
func startSession(t *testing.T) (c *client, ended <-chan error) {
	t.Helper()
	ours, theirs := net.Pipe()
	errs := make(chan error, 1)
	go func() {
		errs <- newSession(theirs, nil, &stats{}).serveRequests()
		_ = theirs.Close()
	}()
	t.Cleanup(func() { _ = ours.Close() })
	c = &client{ours, bufio.NewReader(ours)}
	if err := c.send(kirkstone); err != nil {
		t.Fatal(err)
	}
	return c, errs
}

// checkTimedOut checks that a timeout has ended the session. If the session goes on, open describes the fault.
func checkTimedOut(t *testing.T, ended <-chan error, open string) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the session ended with %v; want a timeout", err)
		}
	default:
		t.Error(open)
	}
}

// A build may be silent for hours between two messages, because it keeps its connection until its end.
func TestSilentConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := startSession(t)
		for _, silence := range []time.Duration{2 * stallTimeout, 9 * time.Hour} {
			time.Sleep(silence)
			if answer, err := c.invoke(`{"ping": null}`); err != nil {
				t.Fatalf("after %s of silence: %v, %v", silence, answer, err)
			}
		}
		time.Sleep(idleTimeout + time.Minute)
		checkTimedOut(t, ended, fmt.Sprintf("a connection that was silent for more than %s is still open", idleTimeout))
	})
}

// A client that stops within a line is gone, also when a complete line came with it.
func TestStalledLineEndsConnection(t *testing.T) {
	for _, before := range []string{"", "{\"ping\": null}\n"} {
		synctest.Test(t, func(t *testing.T) {
			c, ended := startSession(t)
			if err := c.send(before + `{"ping"`); err != nil {
				t.Fatal(err)
			}
			if before != "" {
				if _, err := c.line(); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(stallTimeout + time.Second)
			checkTimedOut(t, ended, fmt.Sprintf("half a line behind %q holds its connection for more than %s", before, stallTimeout))
		})
	}
}

// A client that does not read its answers loses its connection.
func TestUnreadAnswerEndsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := startSession(t)
		if err := c.send("{\"ping\": null}\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(stallTimeout + time.Second)
		checkTimedOut(t, ended, fmt.Sprintf("an answer that nobody reads holds its connection for more than %s", stallTimeout))
	})
}
