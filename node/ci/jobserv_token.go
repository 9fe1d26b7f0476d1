package ci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tokenLifetime is the validity of a worker's token. tokenRenewAge is the age at which the agent signs a new one: an
// outage of Parameter Store does no harm before half of the validity is over. JobServ's own tokens are valid for a day.
const (
	tokenLifetime = 24 * time.Hour
	tokenRenewAge = 12 * time.Hour
)

// isSigningKey reports whether a registration token is a key that signs workers' tokens.
func isSigningKey(token string) bool { return strings.HasPrefix(token, "-----BEGIN ") }

// signWorkerToken returns a token for one worker. JobServ identifies the key by the SHA-256 of its public half, takes
// the worker's name from the token, and lets that worker enlist itself (jobserv/worker_jwt.py, worker_from_jwt).
func signWorkerToken(key, name string, now time.Time) (string, error) {
	private, err := parseSigningKey(key)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return "", err
	}
	id := sha256.Sum256(public)
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": hex.EncodeToString(id[:])})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"name": name, "exp": now.Add(tokenLifetime).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		return "", err
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// parseSigningKey parses a private key. Its error does not contain the parser's text, which may quote the key.
func parseSigningKey(text string) (*ecdsa.PrivateKey, error) {
	wrong := errors.New("the registration token is not a key of the curve P-256; create one with `openssl ecparam -name prime256v1 -genkey " +
		"-noout`, " +
		"copy its certificate into the CI server's worker-jwts folder, and set the key as the stack secret")
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil && key.Curve == elliptic.P256() {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P256() {
				return key, nil
			}
		}
	}
	return nil, wrong
}

// isWorkerToken reports whether a registration token is a worker's token: three parts with dots between them, of which
// the first is JSON.
func isWorkerToken(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	return err == nil && json.Valid(header)
}

// checkWorkerName returns an error when a worker's token belongs to another worker: the server accepts it only for its
// own name.
func checkWorkerName(token, name string) error {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims struct{ Name string }
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return errors.New("the registration token looks like a worker's token but is not valid; set the stack secret again with `pulumi config " +
			"set --secret`")
	}
	if claims.Name != name {
		return fmt.Errorf("the registration token belongs to the worker %q and this machine is %s; set the key that signs such tokens as the "+
			"stack "+
			"secret instead (PEM, curve P-256), then each machine signs a token for its own name", claims.Name, name)
	}
	return nil
}
