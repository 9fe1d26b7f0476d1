package provider

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Server serves a cloud to the Pulumi engine: one provider for each platform, each on its own port.
type Server struct {
	addresses []string // aws:12345
	cancel    chan bool
	closing   sync.Once
	done      []<-chan error
	providers []*provider
}

// Serve starts gRPC servers on loopback, on ports that the system chooses. They run until Close.
func Serve(c *cloud.Cloud) (*Server, error) {
	s := &Server{cancel: make(chan bool)}
	for _, p := range c.Platforms() {
		provider, err := newProvider(c, p)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
			Cancel: s.cancel,
			Init: func(g *grpc.Server) error {
				pulumirpc.RegisterResourceProviderServer(g, provider)
				return nil
			},
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("serving the emulated %s: %w", p.Package, err), s.Close())
		}
		s.addresses = append(s.addresses, fmt.Sprintf("%s:%d", p.Package, handle.Port))
		s.done = append(s.done, handle.Done)
		s.providers = append(s.providers, provider)
	}
	return s, nil
}

// Env returns the environment variables by which a pulumi command finds the emulated cloud.
func (s *Server) Env() map[string]string {
	return map[string]string{"PULUMI_DEBUG_PROVIDERS": strings.Join(s.addresses, ",")}
}

// Close stops the servers and ends all waits for model seconds. Committed changes stay.
func (s *Server) Close() error {
	var errs []error
	s.closing.Do(func() {
		for _, p := range s.providers {
			p.stop()
		}
		close(s.cancel)
		for _, done := range s.done {
			errs = append(errs, <-done)
		}
	})
	return errors.Join(errs...)
}
