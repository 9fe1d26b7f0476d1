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

// response is the answer of a CI server.
type response struct {
	status int
	body   []byte
}

// decodeJSON decodes a JSON answer.
func (a response) decodeJSON(value any) error {
	if err := json.Unmarshal(a.body, value); err != nil {
		return fmt.Errorf("the CI server's answer is not the JSON of its API: %w; check agent.url in the region file", err)
	}
	return nil
}

// apiCall is one request to a CI server.
type apiCall struct {
	method, url string
	// scheme and token form the Authorization header. When scheme is empty, the request has no such header.
	scheme, token string
	// form or body is the content of the request; both may be empty.
	form url.Values
	body any
	// accepts lists the statuses that are not errors.
	accepts []int
}

// callServer calls the CI server. Only the request's header or body contains the token: neither its address nor an
// error does, and statusError removes it from the server's text.
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

// newRequest returns the HTTP request of the call.
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
		return nil, fmt.Errorf("agent.url in the region file: %w", err)
	}
	if text != nil {
		request.Header.Set("Content-Type", kind)
	}
	if c.scheme != "" {
		request.Header.Set("Authorization", c.scheme+" "+c.token)
	}
	return request, nil
}

// unreachableError returns the error for a CI server that does not answer, with the places to check.
func (m Machine) unreachableError(address string, err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout()) {
		err = fmt.Errorf("no answer within %s", callTimeout)
	}
	return fmt.Errorf("the CI server at %s is unreachable: %w; check agent.url, network.egress and gcp.link in the region file, "+
		"then run `curl --verbose %s` on this machine", address, err, address)
}

// statusError returns the error for an answer whose status the call does not accept.
func (m Machine) statusError(c apiCall, status int, body string) error {
	text := strings.TrimSpace(body)
	if c.token != "" {
		text = strings.ReplaceAll(text, c.token, "(the token)")
	}
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return &tokenRefusedError{fmt.Sprintf("the CI server at %s refused the registration token with %d: %s; %s", c.url, status, text,
			m.tokenRemedy())}
	}
	return fmt.Errorf("the CI server at %s answered %d to %s: %s; see the server's log, or check agent.url in the region file", c.url,
		status, c.method, text)
}

// tokenRefusedError means that the CI server does not accept the token.
type tokenRefusedError struct{ text string }

func (r *tokenRefusedError) Error() string { return r.text }

// urlOnHost returns the URL of another path on the server's host.
func urlOnHost(server, path string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("agent.url %q in the region file is not an address; want one such as https://ci.example.com", server)
	}
	u.Path, u.RawQuery, u.Fragment = path, "", ""
	return u.String(), nil
}
