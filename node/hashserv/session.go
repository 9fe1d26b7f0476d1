package hashserv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of the protocol, in bytes.
const (
	// lineLimit is the maximum length of a line, its end included: the limit of the original's reader. Source:
	// asyncio's streams.
	lineLimit = 64 << 10
	// chunkLimit is the length from which a message is sent in chunks, and the maximum length of a chunk, line end
	// included. Source: lib/bb/asyncrpc/connection.py, DEFAULT_MAX_CHUNK.
	chunkLimit = 32 << 10
	// messageLimit is the maximum length of a message in chunks. Most of a long message is the list of a task's files,
	// at about 150 bytes each.
	messageLimit = 16 << 20
	// headerLimit is the maximum number of header lines from a client. Current clients send one.
	headerLimit = 32
)

var (
	errProtocol = errors.New("not a message of the hash-equivalence protocol")
	errTooLong  = errors.New("line or message too long")
)

// session is one connection.
type session struct {
	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	store *store
	stats *stats
}

func newSession(conn net.Conn, store *store, stats *stats) *session {
	return &session{conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(patientWriter{conn}), store: store, stats: stats}
}

// patientWriter fails when a client does not read its answers.
type patientWriter struct{ net.Conn }

func (w patientWriter) Write(text []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(text)
}

// serveRequests serves the connection until the client closes it (io.EOF) or an error ends it.
func (s *session) serveRequests() error {
	if err := s.readHandshake(); err != nil {
		return err
	}
	for {
		request, err := s.readMessage()
		if err != nil {
			return err
		}
		if err := s.answerRequest(request); err != nil {
			return err
		}
	}
}

// readHandshake reads the protocol's name, its version, and headers up to an empty line. Later clients (BitBake 2.8)
// may request the server's headers; this server has none. It refuses version 1.0, as BitBake 2.0 does: clients of that
// version do not support chunks.
func (s *session) readHandshake() error {
	hello, err := s.readLine(stallTimeout)
	if err != nil {
		return err
	}
	if words := strings.Fields(hello); len(words) != 2 || words[0] != "OEHASHEQUIV" || words[1] != "1.1" {
		return fmt.Errorf("%w: the client begins with %.40q; want OEHASHEQUIV 1.1, which BitBake 2.0 and later speak", errProtocol, hello)
	}
	answer := false
	for range headerLimit {
		header, err := s.readLine(stallTimeout)
		if err != nil {
			return err
		}
		if header = trimEnd(header); header == "" {
			if answer {
				return s.writeLine("")
			}
			return nil
		}
		name, value, found := strings.Cut(header, ":")
		if !found {
			return fmt.Errorf("%w: header %.40q", errProtocol, header)
		}
		if strings.EqualFold(name, "needs-headers") {
			answer = strings.TrimSpace(value) == "true"
		}
	}
	return fmt.Errorf("%w: more than %d headers", errProtocol, headerLimit)
}

// readLine reads a line, and waits for its start for at most wait. Before it waits, it sends all pending answers:
// clients send many requests before they read the first answer.
func (s *session) readLine(wait time.Duration) (string, error) {
	if held, _ := s.in.Peek(s.in.Buffered()); bytes.IndexByte(held, '\n') < 0 { // buffered bytes can always be peeked at
		if len(held) > 0 {
			wait = stallTimeout
		}
		if err := errors.Join(s.out.Flush(), s.conn.SetReadDeadline(time.Now().Add(wait))); err != nil {
			return "", err
		}
		if _, err := s.in.Peek(1); err != nil {
			return "", err
		}
		if err := s.conn.SetReadDeadline(time.Now().Add(stallTimeout)); err != nil {
			return "", err
		}
	}
	return scanLine(s.in)
}

// scanLine returns a line without its end. It returns io.EOF when no bytes are left, and io.ErrUnexpectedEOF for a line
// without an end.
func scanLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > lineLimit {
			return "", fmt.Errorf("%w: more than %d bytes in a line", errTooLong, lineLimit)
		}
		line = append(line, part...)
		switch {
		case err == nil && utf8.Valid(line):
			return string(line[:len(line)-1]), nil
		case err == nil:
			return "", fmt.Errorf("%w: a line that is not UTF-8", errProtocol)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return "", io.ErrUnexpectedEOF
		default:
			return "", err
		}
	}
}

// trimEnd removes trailing white space, as the original does where that has no meaning.
func trimEnd(line string) string { return strings.TrimRightFunc(line, unicode.IsSpace) }

// readMessage reads a request: one line of JSON or, when that line announces chunks, the lines up to the next empty
// one.
func (s *session) readMessage() (map[string]json.RawMessage, error) {
	text, err := s.readLine(idleTimeout)
	if err != nil {
		return nil, err
	}
	request, err := parseRequest(text)
	if _, chunked := request["chunk-stream"]; err != nil || !chunked {
		return request, err
	}
	if text, err = s.readChunks(); err != nil {
		return nil, err
	}
	return parseRequest(text)
}

func parseRequest(text string) (map[string]json.RawMessage, error) {
	var request map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return nil, fmt.Errorf("%w: %.100q: %w", errProtocol, text, err)
	}
	return request, nil
}

// readChunks reads lines up to an empty one, and joins them.
func (s *session) readChunks() (string, error) {
	var text strings.Builder
	for {
		chunk, err := s.readLine(stallTimeout)
		if errors.Is(err, io.EOF) {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil || chunk == "" {
			return text.String(), err
		}
		if text.Len()+len(chunk) > messageLimit {
			return "", fmt.Errorf("%w: more than %d bytes in a message", errTooLong, messageLimit)
		}
		_, _ = text.WriteString(chunk) // a Builder never returns an error
	}
}

// writeLine sends a line unchanged: an answer of a stream.
func (s *session) writeLine(line string) error {
	if _, err := s.out.WriteString(line); err != nil {
		return err
	}
	return s.out.WriteByte('\n')
}

// writeMessage sends a message, in chunks when it is long.
func (s *session) writeMessage(answer any) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if len(text) < chunkLimit-1 {
		return s.writeLine(string(text))
	}
	if err := s.writeLine(`{"chunk-stream": null}`); err != nil {
		return err
	}
	for len(text) > 0 {
		size := measureChunk(text, chunkLimit-1)
		if err := s.writeLine(string(text[:size])); err != nil {
			return err
		}
		text = text[size:]
	}
	return s.writeLine("")
}

// measureChunk returns the length of the first chunk of a text, at most most. A chunk does not end inside a character,
// because clients decode each line by itself, and not with white space, because they remove that. A text of white space
// only is the exception.
func measureChunk(text []byte, most int) (size int) {
	if len(text) <= most {
		return len(text)
	}
	for end := most; end > 0; end-- {
		if !utf8.RuneStart(text[end]) {
			continue
		}
		if last, _ := utf8.DecodeLastRune(text[:end]); !unicode.IsSpace(last) {
			return end
		}
		size = max(size, end)
	}
	return size
}
