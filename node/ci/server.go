package ci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// response is what a CI server said.
type response struct {
	status int
	body   []byte
}

// decodeJSON reads a JSON answer.
func (a response) decodeJSON(value any) error {
	if err := json.Unmarshal(a.body, value); err != nil {
		return fmt.Errorf("the CI server's answer is not what its interface promises: %w; check agent.url in the region file", err)
	}
	return nil
}

// apiCall is one request to a CI server.
type apiCall struct {
	method, url string
	// scheme and token are the Authorization header; no token: none is sent.
	scheme, token string
	// form or body is what is sent, if anything.
	form url.Values
	body any
	// accepts are statuses that are no error.
	accepts []int
}

// callServer calls the CI server. The token is in the request's header or body alone: neither its address nor an error has it, and what the server says
// is told without it.
func (m Machine) callServer(ctx context.Context, c apiCall) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := c.newRequest(ctx)
	if err != nil {
		return response{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return response{}, m.unreachableError(c.url, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return response{}, m.unreachableError(c.url, err)
	}
	for _, status := range c.accepts {
		if answer.StatusCode == status {
			return response{status, body}, nil
		}
	}
	return response{answer.StatusCode, body}, m.statusError(c, answer.StatusCode, string(body))
}

func (c apiCall) newRequest(ctx context.Context) (*http.Request, error) {
	var text []byte
	kind := "application/json"
	switch {
	case c.form != nil:
		text, kind = []byte(c.form.Encode()), "application/x-www-form-urlencoded"
	case c.body != nil:
		var err error
		if text, err = json.Marshal(c.body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, c.method, c.url, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("agent.url of the region file: %w", err)
	}
	if text != nil {
		request.Header.Set("Content-Type", kind)
	}
	if c.scheme != "" {
		request.Header.Set("Authorization", c.scheme+" "+c.token)
	}
	return request, nil
}

// unreachableError says what to look at when a CI server does not answer.
func (m Machine) unreachableError(address string, err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout()) {
		err = fmt.Errorf("no answer within %s", callTimeout)
	}
	return fmt.Errorf("the CI server at %s cannot be reached: %w; check agent.url, the region's network.egress and gcp.link in the region file, "+
		"and from this machine `curl --verbose %s`", address, err, address)
}

// statusError says what an answer means that was not wanted.
func (m Machine) statusError(c apiCall, status int, body string) error {
	said := strings.TrimSpace(body)
	if c.token != "" {
		said = strings.ReplaceAll(said, c.token, "(the token)")
	}
	if len(said) > 200 {
		said = said[:200] + "…"
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return &tokenRefusedError{fmt.Sprintf("the CI server at %s refused the registration token with %d: %s; %s", c.url, status, said, m.tokenRemedy())}
	}
	return fmt.Errorf("the CI server at %s answered %d to %s: %s; see its log, or check agent.url in the region file", c.url, status, c.method, said)
}

// tokenRefusedError is the error that the CI server does not take the token.
type tokenRefusedError struct{ text string }

func (r *tokenRefusedError) Error() string { return r.text }

// urlOnHost gives another path on the server's host.
func urlOnHost(server, path string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("agent.url %q of the region file is no address; want one such as https://ci.example.com", server)
	}
	u.Path, u.RawQuery, u.Fragment = path, "", ""
	return u.String(), nil
}
