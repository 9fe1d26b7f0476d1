// Package apiproxy stands between the clients of a cloud's API and a test server that closes connections, such as moto.
//
// The AWS SDK can lose an answer. Its client closes the body of a request as soon as the head of the answer has arrived. When the transport
// has sent that body but has not yet looked for its end, it takes the closed body for a failure and closes the connection. The part of the
// answer that has not arrived by then is lost: "use of closed network connection" (aws/aws-sdk-go-v2, issue 2737). moto makes this likely.
// It writes the head of an answer and its body separately, and closes the connection after each answer.
//
// The proxy protects the client in four ways:
//   - It reads a whole request before it forwards it.
//   - It sends a small answer in one piece. The transport reads that in one piece, and so has all of it before the client closes anything.
//   - It waits before it sends a larger answer. In this time the transport finds the end of the request.
//   - It keeps the connection open afterwards, as AWS does.
//
// It opens a connection of its own to the server for each request. It sends a request once, because the server may have acted on a request
// whose answer is lost.
package apiproxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

const (
	dialAttempts = 20
	dialPause    = 250 * time.Millisecond
	// onePiece is the size up to which Go's server sends an answer with its head in one piece, and Go's transport reads it in one: both have
	// buffers of 4,096 bytes. The rest is for the head.
	onePiece = 3000
	// answerPause is the time that a client's transport has to find the end of its request, on a busy machine too.
	answerPause = 50 * time.Millisecond
)

// hopHeaders apply to one connection. The proxy does not forward them.
var hopHeaders = []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Expect"}

// Start starts a proxy in front of the server at address (host:port) and returns the proxy's URL. The proxy stops when the test ends.
func Start(t testing.TB, address string) string {
	t.Helper()
	return start(t, address, nil)
}

// start is Start with a function that hears of every change of a client's connection.
func start(t testing.TB, address string, connState func(net.Conn, http.ConnState)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(forwardTo(address))
	server.Config.ConnState = connState
	server.Start()
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL
}

// forwardTo returns a handler that forwards each request to the server at address. It answers 501 when it gets no answer: the SDK
// does not retry a 501, so the test fails at once and shows the cause.
func forwardTo(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, "reading the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		answer, content, err := roundTrip(q, address, body) //nolint:bodyclose // roundTrip has read it and closed the connection
		if err != nil {
			http.Error(w, fmt.Sprintf("%s %s at %s: %v", q.Method, q.URL, address, err), http.StatusNotImplemented)
			return
		}
		for key, values := range answer.Header {
			w.Header()[key] = values
		}
		for _, key := range hopHeaders {
			w.Header().Del(key)
		}
		if q.Method != http.MethodHead && answer.StatusCode != http.StatusNoContent {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		}
		if len(body) > 0 && len(content) > onePiece {
			time.Sleep(answerPause)
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(content) // the client may have closed the connection
	})
}

// roundTrip sends a request over a new connection and returns the whole answer. It reads the answer even when the server stops
// reading the request, because the answer may be complete.
func roundTrip(q *http.Request, address string, body []byte) (*http.Response, []byte, error) {
	conn, err := dial(q.Context(), address)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.Close() }() // the whole answer is here by then
	out := q.Clone(q.Context())
	for _, key := range hopHeaders {
		out.Header.Del(key)
	}
	out.TransferEncoding, out.Close = nil, true
	out.ContentLength, out.Body = int64(len(body)), io.NopCloser(bytes.NewReader(body))
	sent := out.Write(conn)
	answer, err := http.ReadResponse(bufio.NewReader(conn), out)
	if err != nil {
		if sent != nil {
			err = fmt.Errorf("%w (sending the request: %w)", err, sent)
		}
		return nil, nil, err
	}
	content, err := io.ReadAll(answer.Body)
	return answer, content, err
}

// dial connects to the server. It retries, because nothing has been sent yet.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	for attempt := 1; ; attempt++ {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil || attempt == dialAttempts {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(dialPause):
		}
	}
}
