//go:build machines

package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// newInstanceClient is an instance without QEMU, and an AWS configuration with which Amazon's own SDK speaks from it: through the network,
// by name, with the laboratory's authority.
func newInstanceClient(t *testing.T) (*Lab, *Machine, aws.Config) {
	t.Helper()
	folder := t.TempDir()
	if err := makeAuthority(folder); err != nil {
		t.Fatal(err)
	}
	trust, err := readAuthority(folder)
	if err != nil {
		t.Fatal(err)
	}
	l := newRegion(t, "../testdata/lab.yaml", trust)
	one, first := l.newGroupInstance("containers", "", "m7i.large", l.Plan.Network.Zones[0].Name, plan.PrivateTier)
	g := newGuest(t, l.fabric, first.card)
	roots := x509.NewCertPool()
	roots.AddCert(trust.certificate)
	role := l.EC2.credentialsOf(one)
	return l, one.machine, aws.Config{
		Region:           l.Plan.Region,
		Credentials:      aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return role, nil }),
		RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, _, target string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(target)
				if err != nil {
					return nil, err
				}
				number, err := strconv.ParseUint(port, 10, 16)
				address, known := l.names.findAddress(host)
				if err != nil || !known {
					return nil, errors.New("no such name: " + target)
				}
				return gonet.DialContextTCP(ctx, g.stack, fullAddress(netip.AddrPortFrom(address, uint16(number))), header.IPv4ProtocolNumber)
			},
		}},
	}
}

func errorCodeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "none"
}
