//go:build machines

package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// authorization is the header of a request signed by Signature Version 4.
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// verifySignature reads a request's body and signs the request again with Amazon's own signer and the role of the machine that sent it. It
// returns the body, and an error unless both signatures are equal and are for this region and service.
func verifySignature(r *http.Request, role aws.Credentials, region, service string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	parts, at, err := parseAuthorization(r)
	if err != nil {
		return nil, err
	}
	if parts[1] != role.AccessKeyID || parts[3] != region || parts[4] != service {
		return nil, fmt.Errorf("signed by %s for %s in %s; want %s for %s in %s", parts[1], parts[4], parts[3], role.AccessKeyID, service, region)
	}
	again, err := rebuildRequest(r, parts[5], body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), role, again, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		return nil, err
	}
	if want := authorization.FindStringSubmatch(again.Header.Get("Authorization")); want == nil || want[6] != parts[6] {
		return nil, errors.New("the signature does not match: " + parts[5])
	}
	return body, nil
}

// parseAuthorization returns the parts of a request's authorization and the time of its signature.
func parseAuthorization(r *http.Request) ([]string, time.Time, error) {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return nil, time.Time{}, fmt.Errorf("the authorization is %q", r.Header.Get("Authorization"))
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return nil, time.Time{}, fmt.Errorf("dated %q", r.Header.Get("X-Amz-Date"))
	}
	return parts, at, nil
}

// rebuildRequest returns the request with the signed headers only, since the signer signs every header.
func rebuildRequest(r *http.Request, names string, body []byte) (*http.Request, error) {
	again, err := http.NewRequest(r.Method, "https://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	again.ContentLength = 0
	for name := range strings.SplitSeq(names, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	return again, nil
}
