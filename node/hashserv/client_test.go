package hashserv

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const method = "oe.sstatesig.OEOuthashBasic"

// start serves a database, and returns the server's address and a function that stops it.
func start(t testing.TB, database string) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, database) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve ended with %v; want nil", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve does not end with its context")
		}
	}
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

func fresh(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "hashserv.db")
}

// client sends byte for byte the messages of BitBake's clients, and reads as they do.
type client struct {
	net.Conn
	in *bufio.Reader
}

// The first lines of a connection: BitBake 2.0 sends no headers; 2.8 states whether it wants the server's.
const (
	kirkstone      = "OEHASHEQUIV 1.1\n\n"
	scarthgap      = "OEHASHEQUIV 1.1\nneeds-headers: false\n\n"
	scarthgapAsked = "OEHASHEQUIV 1.1\nneeds-headers: true\n\n"
)

func dial(address, hello string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{conn, bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	return c, c.send(hello)
}

func connect(t testing.TB, address, hello string) *client {
	t.Helper()
	c, err := dial(address, hello)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (c *client) send(text string) error {
	_, err := c.Write([]byte(text))
	return err
}

// line reads a line and removes white space at its end, as the Python clients do.
func (c *client) line() (string, error) {
	line, err := c.in.ReadString('\n')
	return strings.TrimRight(line, " \t\r\n"), err
}

// invoke sends a message, in chunks when it is long, and returns the answer.
func (c *client) invoke(message string) (any, error) {
	const chunk = 32*1024 - 1
	text := message + "\n"
	if len(message) >= chunk {
		text = "{\"chunk-stream\": null}\n"
		for rest := message; rest != ""; {
			size := min(chunk, len(rest))
			text += rest[:size] + "\n"
			rest = rest[size:]
		}
		text += "\n"
	}
	if err := c.send(text); err != nil {
		return nil, err
	}
	return c.message()
}

func (c *client) message() (any, error) {
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	var answer any
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	if object, _ := answer.(map[string]any); object != nil {
		if _, chunked := object["chunk-stream"]; chunked {
			var text strings.Builder
			for line, err = c.line(); line != "" && err == nil; line, err = c.line() {
				if len(line) > 32*1024-1 {
					return nil, fmt.Errorf("a chunk of %d bytes", len(line))
				}
				_, _ = text.WriteString(line)
			}
			if err != nil {
				return nil, err
			}
			return answer, json.Unmarshal([]byte(text.String()), &answer)
		}
	}
	return answer, nil
}

func (c *client) report(taskhash, outhash, unihash, extra string) (any, error) {
	return c.invoke(fmt.Sprintf(`{"report": {%s"taskhash": %q, "method": %q, "outhash": %q, "unihash": %q}}`,
		extra, taskhash, method, outhash, unihash))
}

// ask is invoke for tests in which it cannot fail.
func (c *client) ask(t testing.TB, message string) any {
	t.Helper()
	answer, err := c.invoke(message)
	if err != nil {
		t.Fatalf("%.200s: %v", message, err)
	}
	return answer
}

// stream opens a stream and returns the answer to each line. It sends all lines before it reads the first answer.
func (c *client) stream(t testing.TB, name string, lines ...string) (answers []string) {
	t.Helper()
	if ok := c.ask(t, fmt.Sprintf(`{%q: null}`, name)); ok != "ok" {
		t.Fatalf("%s is answered with %v; want ok", name, ok)
	}
	sent := make(chan error, 1)
	go func() { sent <- c.send(strings.Join(append(lines, "END"), "\n") + "\n") }()
	for range len(lines) + 1 {
		answer, err := c.line()
		if err != nil {
			t.Fatalf("%s: answer %d: %v", name, len(answers), err)
		}
		answers = append(answers, answer)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if last := answers[len(lines)]; last != "ok" {
		t.Fatalf("the end of %s is answered with %q; want ok", name, last)
	}
	return answers[:len(lines)]
}

func unihashOf(answer any) string {
	object, _ := answer.(map[string]any)
	unihash, _ := object["unihash"].(string)
	return unihash
}
