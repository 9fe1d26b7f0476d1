package hashserv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// each runs a test with the clients of each release.
func each(t *testing.T, test func(t *testing.T, c *client, address string)) {
	t.Helper()
	for name, hello := range map[string]string{"kirkstone": kirkstone, "scarthgap": scarthgap} {
		t.Run(name, func(t *testing.T) {
			address, _ := start(t, fresh(t))
			test(t, connect(t, address, hello), address)
		})
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v; want %v", what, got, want)
	}
}

func TestHeadersAreAnsweredWhenAskedFor(t *testing.T) {
	address, _ := start(t, fresh(t))
	c := connect(t, address, scarthgapAsked)
	if line, err := c.in.ReadString('\n'); line != "\n" || err != nil {
		t.Fatalf("headers: %q, %v; want an empty line", line, err)
	}
	same(t, "ping", c.ask(t, `{"ping": {}}`), map[string]any{"alive": true})
}

func TestReportAndLookUp(t *testing.T) {
	each(t, func(t *testing.T, c *client, _ string) {
		t.Helper()
		same(t, "unknown", c.stream(t, "get-stream", method+" t1"), []string{""})
		same(t, "unknown", c.ask(t, `{"get": {"taskhash": "t1", "method": "`+method+`", "all": false}}`), nil)
		same(t, "unknown", c.ask(t, `{"get": {"taskhash": "t1", "method": "`+method+`", "all": true}}`), nil)
		same(t, "unknown", c.ask(t, `{"get-outhash": {"taskhash": "t1", "method": "`+method+`", "outhash": "o1", "with_unihash": true}}`), nil)

		begun := time.Now().UTC().Add(-time.Second)
		same(t, "report", c.ask(t, `{"report": {"owner": null, "PN": "busybox", "PV": "1.36", `+
			`"taskhash": "t1", "method": "`+method+`", "outhash": "o1", "unihash": "u1"}}`),
			map[string]any{"taskhash": "t1", "method": method, "unihash": "u1"})

		same(t, "stream", c.stream(t, "get-stream", method+" t1", method+" t2", "another t1"), []string{"u1", "", ""})
		same(t, "exists", c.stream(t, "exists-stream", "u1", "t1", "o1"), []string{"true", "false", "false"})
		same(t, "get", c.ask(t, `{"get": {"taskhash": "t1", "method": "`+method+`", "all": false}}`),
			map[string]any{"taskhash": "t1", "method": method, "unihash": "u1"})
		for _, request := range []string{
			`{"get": {"taskhash": "t1", "method": %q, "all": true}}`,
			`{"get-outhash": {"taskhash": "t9", "method": %q, "outhash": "o1", "with_unihash": true}}`,
		} {
			row, _ := c.ask(t, fmt.Sprintf(request, method)).(map[string]any)
			created, err := time.Parse("2006-01-02 15:04:05.000000", fmt.Sprint(row["created"]))
			if err != nil || created.Before(begun) || created.After(time.Now().UTC().Add(time.Second)) {
				t.Errorf("created %v, %v; want about now", row["created"], err)
			}
			delete(row, "created")
			same(t, request, row, map[string]any{"taskhash": "t1", "method": method, "outhash": "o1", "unihash": "u1", "owner": nil, "PN": "busybox",
				"PV": "1.36", "PR": nil, "task": nil, "outhash_siginfo": nil})
		}
	})
}

// The cases of openembedded/bitbake, lib/hashserv/tests.py, by their names there.
func TestEquivalence(t *testing.T) {
	type step struct{ taskhash, outhash, unihash, want string }
	for name, steps := range map[string][]step{
		"equivalent":             {{"t1", "o", "u1", "u1"}, {"t2", "o", "u2", "u1"}, {"t3", "o", "u3", "u1"}},
		"duplicate taskhash":     {{"t1", "o1", "u1", "u1"}, {"t1", "o2", "u2", "u1"}, {"t1", "o3", "u3", "u1"}},
		"again":                  {{"t1", "o1", "u1", "u1"}, {"t1", "o1", "u2", "u1"}},
		"diverging race":         {{"t1", "o1", "u1", "u1"}, {"t2", "o1", "t2", "u1"}, {"t2", "o3", "t2", "u1"}},
		"diverging race reverse": {{"t1", "o1", "u1", "u1"}, {"t2", "o3", "t2", "t2"}, {"t2", "o1", "t2", "t2"}},
		"equivalence first":      {{"t1", "", "u1", "u1"}, {"t1", "o1", "u2", "u1"}, {"t2", "o1", "u3", "u1"}, {"t2", "", "u4", "u1"}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, c *client, _ string) {
				t.Helper()
				for i, s := range steps {
					var answer any
					if s.outhash == "" {
						answer = c.ask(t, fmt.Sprintf(`{"report-equiv": {"taskhash": %q, "method": %q, "unihash": %q}}`, s.taskhash, method, s.unihash))
					} else {
						answer, _ = c.report(s.taskhash, s.outhash, s.unihash, "")
					}
					same(t, fmt.Sprint("step ", i), answer, map[string]any{"taskhash": s.taskhash, "method": method, "unihash": s.want})
					same(t, fmt.Sprint("then ", i), c.stream(t, "get-stream", method+" "+s.taskhash), []string{s.want})
				}
			})
		})
	}
}

func TestLongMessagesGoInChunks(t *testing.T) {
	// Sizes near the limits, and text in which every second byte is a space, or the middle of a character: a chunk may
	// end with neither.
	for _, siginfo := range []string{
		strings.Repeat("0", 4*chunkLimit), strings.Repeat("a ", 3*chunkLimit), strings.Repeat("é ü", chunkLimit),
		strings.Repeat("x", chunkLimit-300),
	} {
		each(t, func(t *testing.T, c *client, _ string) {
			t.Helper()
			// Python's JSON is pure ASCII; for these characters Go's quoting is too.
			answer, err := c.report("t1", "o1", "u1", `"outhash_siginfo": `+strconv.QuoteToASCII(siginfo)+", ")
			if unihashOf(answer) != "u1" || err != nil {
				t.Fatalf("report: %v, %v", answer, err)
			}
			row, _ := c.ask(t, `{"get": {"taskhash": "t1", "method": "`+method+`", "all": true}}`).(map[string]any)
			if row["outhash_siginfo"] != siginfo {
				t.Errorf("the text did not come back as it was: %d bytes of %d", len(fmt.Sprint(row["outhash_siginfo"])), len(siginfo))
			}
		})
	}
}

func TestStatistics(t *testing.T) {
	each(t, func(t *testing.T, c *client, _ string) {
		t.Helper()
		numbers := func(request string) map[string]any {
			answer, _ := c.ask(t, request).(map[string]any)
			requests, _ := answer["requests"].(map[string]any)
			return requests
		}
		same(t, "at first", numbers(`{"get-stats": null}`),
			map[string]any{"num": 0., "total_time": 0., "max_time": 0., "average": 0., "stdev": 0.})
		c.stream(t, "get-stream", method+" t1", method+" t2")
		got := numbers(`{"reset-stats": null}`) // a get-stats, two lines, and the stream's end
		same(t, "requests", got["num"], 4.)
		for _, name := range []string{"total_time", "max_time", "average", "stdev"} {
			if seconds, _ := got[name].(float64); seconds <= 0 || seconds > 5 {
				t.Errorf("%s is %v", name, got[name])
			}
		}
		same(t, "after the reset", numbers(`{"get-stats": null}`)["num"], 1.) // the reset itself
		same(t, "backfill", c.ask(t, `{"backfill-wait": null}`), map[string]any{"tasks": 0.})
	})
}

func TestAdministrationIsRefused(t *testing.T) {
	address, _ := start(t, fresh(t))
	for _, name := range refused {
		c := connect(t, address, scarthgap)
		answer, _ := c.ask(t, fmt.Sprintf(`{%q: {"where": {}, "username": "u"}}`, name)).(map[string]any)
		problem, _ := answer["invoke-error"].(map[string]any)
		if text, _ := problem["message"].(string); !strings.Contains(text, name+" is not supported") {
			t.Errorf("%s is answered with %v", name, answer)
		}
		if _, err := c.line(); !errors.Is(err, io.EOF) {
			t.Errorf("after %s: %v; want the connection closed", name, err)
		}
	}
}

func TestInvalidMessageClosesConnection(t *testing.T) {
	address, _ := start(t, fresh(t))
	long := strings.Repeat("a", lineLimit)
	for name, text := range map[string]string{
		"nothing":               "",
		"HTTP":                  "GET / HTTP/1.1\r\n\r\n",
		"version 1.0":           "OEHASHEQUIV 1.0\n\n{\"ping\": {}}\n",
		"version 2.0":           "OEHASHEQUIV 2.0\n\n{\"ping\": {}}\n",
		"a bad header":          "OEHASHEQUIV 1.1\nheader\n\n{\"ping\": {}}\n",
		"headers without end":   "OEHASHEQUIV 1.1\n" + strings.Repeat("a: b\n", headerLimit+1),
		"an unknown command":    kirkstone + "{\"obey\": {}}\n",
		"no command":            kirkstone + "{}\n",
		"two commands":          kirkstone + "{\"ping\": {}, \"get-stats\": null}\n",
		"null":                  kirkstone + "null\n",
		"no JSON":               kirkstone + "ping\n",
		"a line too long":       kirkstone + "{\"ping\": \"" + long + "\"}\n",
		"not UTF-8":             kirkstone + "{\"ping\": \"\xff\"}\n",
		"chunks in chunks":      kirkstone + "{\"chunk-stream\": null}\n{\"chunk-stream\": null}\n\n",
		"a stream without hash": kirkstone + "{\"exists-stream\": null}\nEND\n{\"get\": {\"method\": \"m\"}}\n",
		"a hash with a space":   kirkstone + `{"report": {"method": "m", "taskhash": "t", "outhash": "o", "unihash": "u x"}}` + "\n",
		"a hash with a newline": kirkstone + `{"report-equiv": {"method": "m", "taskhash": "t", "unihash": "u\nx"}}` + "\n",
		"a hash with a zero":    kirkstone + `{"report-equiv": {"method": "m", "taskhash": "t\u0000", "unihash": "u"}}` + "\n",
		"a number as a hash":    kirkstone + `{"report-equiv": {"method": "m", "taskhash": 5, "unihash": "u"}}` + "\n",
		"a hash too long":       kirkstone + `{"report-equiv": {"method": "m", "taskhash": "t", "unihash": "` + long[:nameLimit+1] + `"}}` + "\n",
		"no outhash":            kirkstone + `{"report": {"method": "m", "taskhash": "t", "unihash": "u"}}` + "\n",
	} {
		c := connect(t, address, text)
		if tcp, ok := c.Conn.(*net.TCPConn); ok && name == "nothing" {
			_ = tcp.CloseWrite()
		}
		answer, err := io.ReadAll(c)
		answer = []byte(strings.ReplaceAll(strings.ReplaceAll(string(answer), "\"ok\"\n", ""), "ok\n", ""))
		if len(answer) > 0 || (err != nil && !strings.Contains(err.Error(), "connection reset")) {
			t.Errorf("%s: answered with %q, %v; want the connection closed", name, answer, err)
		}
	}
	same(t, "nothing was written", connect(t, address, kirkstone).stream(t, "get-stream", "m t"), []string{""})
}

func TestMessagesAreLimited(t *testing.T) {
	address, _ := start(t, fresh(t))
	c := connect(t, address, kirkstone)
	line := strings.Repeat("1", lineLimit-1) + "\n"
	err := c.send("{\"chunk-stream\": null}\n")
	for sent := 0; err == nil && sent <= 4*messageLimit; sent += len(line) {
		err = c.send(line)
	}
	if err == nil {
		t.Errorf("%d bytes of one message were taken", 4*messageLimit)
	}
}

// A client that sends and does not read must neither make the server grow nor stop it.
func TestManyRequestsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *client, _ string) {
		t.Helper()
		if _, err := c.report("t7", "o", "u7", ""); err != nil {
			t.Fatal(err)
		}
		var lines, want []string
		for i := range 50000 {
			lines, want = append(lines, fmt.Sprintf("%s t%d", method, i%10)), append(want, map[bool]string{true: "u7"}[i%10 == 7])
		}
		if got := c.stream(t, "get-stream", lines...); !slices.Equal(got, want) {
			t.Error("answers out of order")
		}
	})
}

// The network may split a client's data anywhere: an answer must not wait for the rest of the next request.
func TestHalfRequestDelaysNoAnswer(t *testing.T) {
	each(t, func(t *testing.T, c *client, _ string) {
		t.Helper()
		if err := c.send("{\"ping\": {}}\n{\"pi"); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if answer, err := c.message(); err != nil {
			t.Fatalf("the first request: %v, %v", answer, err)
		}
		same(t, "the second", c.ask(t, "ng\": {}}"), map[string]any{"alive": true})
	})
}

func TestServeNeedsItsFolder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = Serve(t.Context(), listener, filepath.Join(t.TempDir(), "missing", "hashserv.db"))
	if err == nil || !strings.Contains(err.Error(), "data volume is mounted") {
		t.Errorf("without its folder: %v", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}

// A listener that fails while the context continues is an error, so that the agent restarts the server.
func TestServeReportsListenerFault(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := Serve(t.Context(), listener, fresh(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve gives %v", err)
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("OEHASHEQUIV 1.1\n\n"))
	f.Add([]byte("{\"chunk-stream\": null}\nab\xff\ncd"))
	f.Add([]byte(strings.Repeat("é", lineLimit/2) + "\nend\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bufio.NewReader(iotest.HalfReader(strings.NewReader(string(text))))
		rest := string(text)
		for {
			line, err := scanLine(in)
			end := strings.IndexByte(rest, '\n')
			switch {
			case end >= 0 && end < lineLimit && utf8.ValidString(rest[:end]):
				if err != nil || line != rest[:end] {
					t.Fatalf("%q, %v; want %q", line, err, rest[:end])
				}
				rest = rest[end+1:]
				continue
			case rest == "":
				if !errors.Is(err, io.EOF) {
					t.Fatalf("at the end: %q, %v", line, err)
				}
			case err == nil:
				t.Fatalf("%q is taken for a line", line)
			case end < 0 && len(rest) <= lineLimit && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Fatalf("a line without end: %v", err)
			}
			return
		}
	})
}

func FuzzChunkSize(f *testing.F) {
	f.Add("é ü   \u00a0x", 4)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < utf8.UTFMax || !utf8.ValidString(text) || len(text) > 1<<16 {
			return
		}
		var back strings.Builder
		for rest := text; rest != ""; {
			size := measureChunk([]byte(rest), most)
			if size < 1 || size > most {
				t.Fatalf("%d bytes of %q; want 1 to %d", size, rest, most)
			}
			if !utf8.ValidString(rest[:size]) {
				t.Fatalf("%q is cut within a character", rest)
			}
			if size < len(rest) && trimEnd(rest[:size]) != rest[:size] && trimEnd(rest[:size]) != "" {
				t.Fatalf("%q ends with white space", rest[:size])
			}
			_, _ = back.WriteString(rest[:size])
			rest = rest[size:]
		}
		if back.String() != text {
			t.Fatal("chunks do not make the text")
		}
	})
}
