package hashserv

import (
	"bufio"
	"net"
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
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Errorf("a connection that was silent for more than %s is still open", idleTimeout)
		}
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
			synctest.Wait()
			select {
			case <-ended:
			default:
				t.Errorf("half a line behind %q holds its connection for more than %s", before, stallTimeout)
			}
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
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Errorf("an answer that nobody reads holds its connection for more than %s", stallTimeout)
		}
	})
}
