package apiproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// identity returns STS's answer to GetCallerIdentity, with a comment of padding bytes.
func identity(padding int) string {
	return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<Arn>arn:aws:sts::210987654321:user/test</Arn><UserId>test</UserId><Account>210987654321</Account></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata><!--` + strings.Repeat(" ", padding) + `--></GetCallerIdentityResponse>`
}

// listen starts a server that hands each connection to answer, closes it afterwards, and returns its address.
func listen(t *testing.T, answer func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the loop below ends with it
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }() // the client may have closed it
				answer(conn, bufio.NewReader(conn))
			}()
		}
	}()
	return listener.Addr().String()
}

// readHead reads the lines of a request up to its body.
func readHead(r *bufio.Reader) {
	for {
		if line, err := r.ReadString('\n'); err != nil || strings.TrimSpace(line) == "" {
			return
		}
	}
}

// writeAnswer answers as moto does: head and body separately, and the connection closes afterwards.
func writeAnswer(w io.Writer, body string) {
	_, _ = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	time.Sleep(3 * stall) // the client has the head, and has not the body when it goes on
	_, _ = io.WriteString(w, body)
}

// motoLike starts a server that reads a request, answers as moto does, and closes the connection.
func motoLike(t *testing.T, answer string) string {
	t.Helper()
	return listen(t, func(conn net.Conn, r *bufio.Reader) {
		q, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, q.Body)
		writeAnswer(conn, answer)
	})
}

// hasty starts a server that answers and closes the connection before it has read the body of the request.
func hasty(t *testing.T, answer string) string {
	t.Helper()
	return listen(t, func(conn net.Conn, r *bufio.Reader) {
		readHead(r)
		writeAnswer(conn, answer)
	})
}

// stall is the time for which a client on a busy machine does not get the processor.
const stall = 10 * time.Millisecond

// slowConn stalls after each piece of a request.
type slowConn struct {
	net.Conn
	pause time.Duration
}

func (c slowConn) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	time.Sleep(c.pause)
	return n, err
}

// newClient returns a client of STS that retries nothing. Its transport stops for the pause after each piece of a request.
func newClient(url string, pause time.Duration) *sts.Client {
	slow := func(transport *http.Transport) {
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return slowConn{conn, pause}, err
		}
	}
	return sts.New(sts.Options{
		Region: "us-east-2", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "test"),
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(slow),
	})
}

func callIdentity(t *testing.T, c *sts.Client) error {
	t.Helper()
	out, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err == nil && aws.ToString(out.Account) != "210987654321" {
		err = fmt.Errorf("account %s", aws.ToString(out.Account))
	}
	return err
}

// TestNoAnswerLost fails with "use of closed network connection" in every case when the client calls the server directly.
func TestNoAnswerLost(t *testing.T) {
	for name, c := range map[string]struct {
		server func(*testing.T, string) string
		// padding is the size of the answer beyond some hundred bytes.
		padding int
	}{
		"small answer": {motoLike, 0}, "large answer": {motoLike, 100_000},
		"small answer before the request has ended": {hasty, 0}, "large answer before the request has ended": {hasty, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(Start(t, c.server(t, identity(c.padding))), stall)
			for range 5 {
				if err := callIdentity(t, client); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestOnePiece verifies that one read returns a small answer with its head, as far as Go's transport reads at once.
func TestOnePiece(t *testing.T) {
	content := strings.Repeat("x", onePiece)
	conn, err := net.Dial("tcp", strings.TrimPrefix(Start(t, motoLike(t, content)), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the test has what it needs
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: moto\r\nContent-Length: 2\r\n\r\nin"); err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 4096)
	n, err := conn.Read(piece)
	if err != nil || !strings.HasSuffix(string(piece[:n]), "\r\n\r\n"+content) {
		t.Errorf("the first read returned %d bytes (%v), want the head and %d bytes", n, err, onePiece)
	}
}

func TestPauseBeforeLargeAnswer(t *testing.T) {
	url := Start(t, motoLike(t, strings.Repeat("x", onePiece+1)))
	begin := time.Now()
	send(t, http.MethodPost, url, "in")
	if took := time.Since(begin); took < answerPause {
		t.Errorf("the answer came after %v, want %v at least", took, answerPause)
	}
}

func TestKeepsConnections(t *testing.T) {
	var opened, closed atomic.Int32
	url := start(t, motoLike(t, identity(0)), func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed.Add(1)
		default: // others are changes of an open connection
		}
	})
	for range 10 {
		send(t, http.MethodPost, url, "Action=GetCallerIdentity")
	}
	if opened.Load() != 1 || closed.Load() != 0 {
		t.Errorf("10 calls one after the other opened %d connections and closed %d, want 1 and 0", opened.Load(), closed.Load())
	}
}

func TestParallelCalls(t *testing.T) {
	client := newClient(Start(t, motoLike(t, identity(0))), 0)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 10 {
				if err := callIdentity(t, client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
}

// TestForwards compares what the server receives and what the client receives with what the other side sent.
func TestForwards(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		answer             string
		wantStatus         int
		wantBody           string
	}{
		"chunked": {"POST", "/a%2Fb?x=1", "in", "HTTP/1.1 200 OK\r\nX-Kept: yes\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nout\r\n0\r\n\r\n",
			200, "out"},
		"until close": {"GET", "/", "", "HTTP/1.0 404 Not Found\r\nX-Kept: yes\r\n\r\nnothing", 404, "nothing"},
		"no content":  {"DELETE", "/bucket", "", "HTTP/1.1 204 No Content\r\nX-Kept: yes\r\nConnection: close\r\n\r\n", 204, ""},
		"head":        {"HEAD", "/bucket", "", "HTTP/1.1 200 OK\r\nX-Kept: yes\r\nContent-Length: 7\r\n\r\n", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan string, 1)
			url := Start(t, listen(t, func(conn net.Conn, r *bufio.Reader) {
				q, err := http.ReadRequest(r)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(q.Body)
				if err != nil {
					t.Error(err)
				}
				requests <- fmt.Sprintf("%s %s %s %s", q.Method, q.RequestURI, q.Host, body)
				_, _ = io.WriteString(conn, c.answer)
			}))
			status, header, body := send(t, c.method, url+c.path, c.body)
			// The server answers with its own host's name in links, so it must see the host that the client knows.
			if want := fmt.Sprintf("%s %s %s %s", c.method, c.path, strings.TrimPrefix(url, "http://"), c.body); <-requests != want {
				t.Errorf("the server did not receive %q", want)
			}
			if status != c.wantStatus || body != c.wantBody || header.Get("X-Kept") != "yes" {
				t.Errorf("the client received %d %q %v", status, body, header)
			}
		})
	}
}

// TestLostAnswer verifies that a request whose answer is cut off is sent once and reported as 501, which no client retries.
func TestLostAnswer(t *testing.T) {
	for name, answer := range map[string]string{"no answer": "", "half an answer": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			url := Start(t, listen(t, func(conn net.Conn, r *bufio.Reader) {
				requests.Add(1)
				readHead(r)
				_, _ = io.WriteString(conn, answer)
			}))
			status, _, body := send(t, http.MethodPost, url, "")
			if status != http.StatusNotImplemented || !strings.Contains(body, "EOF") {
				t.Errorf("%d %q", status, body)
			}
			if requests.Load() != 1 {
				t.Errorf("the server received %d requests, want 1", requests.Load())
			}
		})
	}
}

func TestServerStartsLate(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	url := Start(t, address)
	time.AfterFunc(dialPause/2, func() {
		late, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = late.Close() }() // one request is enough
		conn, err := late.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }() // the answer is complete
		if q, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, q.Body)
		}
		writeAnswer(conn, identity(0))
	})
	if err := callIdentity(t, newClient(url, 0)); err != nil {
		t.Error(err)
	}
}

// send sends one request and returns the answer's status, header and body.
func send(t *testing.T, method, url, body string) (int, http.Header, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}
