package aws

import (
	"regexp"
	"strings"
	"testing"
)

func TestGeneratedKeys(t *testing.T) {
	for i := range 50 {
		if key := generateKey("vpn-"+strings.Repeat("x", i), i%2+1); !presharedKey.MatchString(key) ||
			!regexp.MustCompile(`^.{32}$`).MatchString(key) {
			t.Errorf("key %q", key)
		}
	}
}
