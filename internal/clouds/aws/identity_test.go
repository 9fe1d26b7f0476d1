package aws

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answer starts a server that speaks the real protocol; the client under test is the real one.
func answer(t *testing.T, status int, body string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	credentials(t, server.URL)
}

func credentials(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
	`<Arn>arn:aws:iam::210987654321:user/ci</Arn><UserId>AIDA</UserId><Account>210987654321</Account>` +
	`</GetCallerIdentityResult></GetCallerIdentityResponse>`

func TestIdentityOfTheRightAccount(t *testing.T) {
	answer(t, http.StatusOK, identity)
	if _, err := CheckIdentity(t.Context(), "210987654321", "us-west-1"); err != nil {
		t.Error(err)
	}
}

func TestIdentityOfAnotherAccount(t *testing.T) {
	answer(t, http.StatusOK, identity)
	_, err := CheckIdentity(t.Context(), "123456789012", "us-west-1")
	if !errors.Is(err, ErrWrongAccount) || !strings.Contains(err.Error(), "210987654321") || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("%v, want both accounts and the next step", err)
	}
}

func TestCredentialsThatAWSDoesNotTake(t *testing.T) {
	answer(t, http.StatusForbidden, `<ErrorResponse><Error><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>`)
	_, err := CheckIdentity(t.Context(), "210987654321", "us-west-1")
	if !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Errorf("%v, want the API's code", err)
	}
}

func TestNoCredentials(t *testing.T) {
	credentials(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := CheckIdentity(t.Context(), "210987654321", "us-west-1"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("%v, want ErrNoCredentials", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	credentials(t, "http://"+address)
	if _, err := CheckIdentity(t.Context(), "210987654321", "us-west-1"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line", err)
	}
}
