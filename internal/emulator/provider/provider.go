// Package provider speaks Pulumi's provider protocol for an emulated cloud: one gRPC server for each public cloud.
package provider

import (
	"context"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// provider speaks Pulumi's provider protocol for one platform.
type provider struct {
	pulumirpc.UnimplementedResourceProviderServer
	*cloud.Platform
	cloud *cloud.Cloud
	table *catalog.Table

	stopped context.Context
	stop    context.CancelFunc
	mu      sync.Mutex
	configs map[string]*configuration // by the address of the connection's other end
	last    *configuration
}

// configuration is one provider resource of a program. It ends with the server, or when the engine gives up.
type configuration struct {
	cloud.Scope
	tags  map[string]any
	queue *cloud.Queue
	life  context.Context // of the connection, and not of a call
	end   context.CancelFunc
}

func newProvider(c *cloud.Cloud, p *cloud.Platform) (*provider, error) {
	table, err := catalog.Load(p.Package)
	if err != nil {
		return nil, err
	}
	out := &provider{Platform: p, cloud: c, table: table, configs: map[string]*configuration{}}
	out.stopped, out.stop = context.WithCancel(context.Background())
	return out, nil
}

func connectionOf(ctx context.Context) string {
	if from, ok := peer.FromContext(ctx); ok {
		return from.Addr.String()
	}
	return ""
}

func (p *provider) storeConfig(ctx context.Context, c *configuration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.life, c.end = context.WithCancel(p.stopped)
	p.configs[connectionOf(ctx)] = c
	p.last = c
}

func (p *provider) configOf(ctx context.Context) (*configuration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.configs[connectionOf(ctx)]; ok {
		return c, nil
	}
	if p.last != nil && p.configsAgree() { // the engine reconnects after a long idle time
		return p.last, nil
	}
	return nil, status.Errorf(codes.FailedPrecondition, "the emulated %s was called before it was configured", p.Package)
}

// configsAgree reports whether all providers of this process work in the same place.
func (p *provider) configsAgree() bool {
	for _, c := range p.configs {
		if c.Scope != p.last.Scope {
			return false
		}
	}
	return true
}

// Handshake answers as a provider built with Pulumi's bridge does.
func (p *provider) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{
		AcceptSecrets: true, AcceptOutputs: true, SupportsAutonamingConfiguration: true,
	}, nil
}

// Attach lets the engine use a provider that runs already. It does nothing.
func (p *provider) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetPluginInfo returns the version of the property table.
func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	version := p.table.Version
	if strings.Count(version, ".") == 1 {
		version += ".0"
	}
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// Cancel ends the waits of this connection. Operations in progress are committed already, and report success.
func (p *provider) Cancel(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	if conf, err := p.configOf(ctx); err == nil {
		conf.end()
	}
	return &emptypb.Empty{}, nil
}

// GetSchema serves programs in YAML and imports that generate code. The emulated cloud supports neither.
func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return nil, status.Error(codes.Unimplemented, "the emulator has property tables and no Pulumi schema")
}

// findKind finds the rules for a resource, and its entry in the property table.
func (p *provider) findKind(urn string) (*cloud.Kind, *catalog.Resource, error) {
	typ := string(resource.URN(urn).Type())
	spec, known := p.table.Resources[typ]
	if !known {
		return nil, nil, status.Errorf(codes.InvalidArgument, "unknown resource type %s: pulumi-%s %s has none in our table",
			typ, p.Package, p.table.Version)
	}
	k := p.cloud.KindOf(typ)
	if k == nil || k.Hidden {
		return nil, nil, status.Errorf(codes.InvalidArgument, "the emulator has no rules for %s", typ)
	}
	return k, spec, nil
}
