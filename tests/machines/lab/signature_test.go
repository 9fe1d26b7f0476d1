//go:build machines

package lab

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The role's signature is taken, and one with another secret, for another service or of yesterday is refused.
func TestSignature(t *testing.T) {
	l, m, _ := newInstanceClient(t)
	right := l.EC2.credentialsOf(l.EC2.instances[m.ID])
	wrong := right
	wrong.SecretAccessKey = "another"
	for name, sign := range map[string]struct {
		role    aws.Credentials
		service string
		at      time.Time
		taken   bool
	}{
		"right":           {right, "ec2", time.Now(), true},
		"another secret":  {wrong, "ec2", time.Now(), false},
		"another service": {right, "ssm", time.Now(), false},
		"yesterday":       {right, "ec2", time.Now().AddDate(0, 0, -1), false},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://ec2.us-west-2.amazonaws.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		if err := v4.NewSigner().SignHTTP(t.Context(), sign.role, request, empty, sign.service, l.Plan.Region, sign.at); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.EC2.verifyCaller(request, "ec2"); (err == nil) != sign.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
}
