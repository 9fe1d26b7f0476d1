package spec

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func runner(edit func(*Description)) Description {
	d := Description{
		Version: 1, Role: RunnerRole, Stack: "us-west-1", Region: "us-west-1",
		Metrics: Metrics{Namespace: "Beachhead", Dimensions: map[string]string{"Fleet": "/beachhead/us-west-1/fleets/arm"}},
		Hooks:   Hooks{Ready: "ready", Drain: "drain"},
		Runner: &Runner{
			Fleet: "arm", Path: "/beachhead/us-west-1/fleets/arm", MapParameter: "/beachhead/us-west-1/cache/map",
			Agent: Agent{
				Kind: "jobserv", URL: "https://ci.example.com", Tags: []string{"aarch64"}, Concurrency: 2,
				TokenParameter: "/beachhead/us-west-1/fleets/arm/token",
			},
		},
	}
	if edit != nil {
		edit(&d)
	}
	return d
}

func server(edit func(*Cache)) Description {
	d := runner(nil)
	d.Role, d.Runner = CacheRole, nil
	d.Cache = &Cache{
		Shard: "cache-shard-00", Volume: "cache-shard-00", Interface: "cache-shard-00", Threads: 64,
		Clients: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/20")}, MapParameter: "/beachhead/us-west-1/cache/map",
	}
	if edit != nil {
		edit(d.Cache)
	}
	return d
}

func natInstance(edit func(*NAT)) Description {
	d := runner(nil)
	d.Role, d.Runner = NATRole, nil
	d.NAT = &NAT{Name: "net-nat-instance-us-west-1a", Sources: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")}}
	if edit != nil {
		edit(d.NAT)
	}
	return d
}

func text(t *testing.T, d Description) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParseReadsWhatWasWritten(t *testing.T) {
	mirrored := runner(func(d *Description) { d.AptMirror = "https://deb.example.com" })
	for _, want := range []Description{runner(nil), server(nil), natInstance(nil), mirrored} {
		got, err := Parse([]byte(text(t, want) + "\n"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v\nwant %+v", got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := text(t, runner(nil))
	for name, c := range map[string]struct{ text, want string }{
		"nothing":    {"", "unexpected end of JSON input; replace the machine"},
		"half of it": {good[:40], "unexpected end of JSON input; replace the machine"},
		"no object":  {"[]", "replace the machine"},
		"a newer version": {`{"version":2,"role":{"name":"of another shape"}}`, "has version 2 and this agent reads version 1; run " +
			"`beachhead up`"},
		"no version":          {"{}", "has version 0"},
		"an unknown key":      {strings.Replace(good, `"stack"`, `"stakc"`, 1), "unknown field \"stakc\"; run `beachhead up`"},
		"something behind it": {good + "{}", "invalid character '{' after top-level value"},
		"an unknown role": {strings.Replace(good, `"runner"`, `"mirror"`, 1),
			`role "mirror", which this agent does not know; want runner, cache or nat`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		d    Description
		want string
	}{
		{"a runner", runner(nil), ""},
		{"a cache server", server(nil), ""},
		{"a NAT instance", natInstance(nil), ""},
		{"a NAT instance with a cache", func() Description { d := natInstance(nil); d.Cache = server(nil).Cache; return d }(),
			"of role nat has a section cache"},
		{"a NAT instance of nothing", func() Description { d := natInstance(nil); d.NAT = nil; return d }(), "lacks nat;"},
		{"a NAT instance without a name", natInstance(func(n *NAT) { n.Name = "" }), "lacks nat.name;"},
		{"a NAT instance for nobody", natInstance(func(n *NAT) { n.Sources = nil }), "lacks nat.sources;"},
		{"a runner of commands", runner(func(d *Description) {
			d.Runner.Agent = Agent{Kind: "command", Concurrency: 1,
				Commands: &Commands{}}
		}), ""},
		{"a runner without cache and token", runner(func(d *Description) { d.Runner.MapParameter, d.Runner.Agent.TokenParameter = "", "" }), ""},
		{"no stack", runner(func(d *Description) { d.Stack = "" }), "lacks stack; run `beachhead up`"},
		{"no region", runner(func(d *Description) { d.Region = "" }), "lacks region;"},
		{"no metrics", runner(func(d *Description) { d.Metrics.Dimensions = nil }), "lacks metrics;"},
		{"no hooks", runner(func(d *Description) { d.Hooks.Drain = "" }), "lacks hooks;"},
		{"a mirror of Debian's archive", runner(func(d *Description) { d.AptMirror = "https://deb.example.com/mirrors" }), ""},
		{"a mirror by http", runner(func(d *Description) { d.AptMirror = "http://deb.example.com" }),
			"lacks an aptMirror that is an https address;"},
		{"a mirror and more", runner(func(d *Description) { d.AptMirror = "https://deb.example.com\nTrusted: yes" }),
			"lacks an aptMirror that is"},
		{"no role", runner(func(d *Description) { d.Role = "" }), `role "", which`},
		{"a runner of nothing", runner(func(d *Description) { d.Runner = nil }), "lacks runner;"},
		{"a runner with a cache", runner(func(d *Description) { d.Cache = server(nil).Cache }), "of role runner has a section cache"},
		{"a runner of no fleet", runner(func(d *Description) { d.Runner.Fleet = "" }), "lacks runner.fleet;"},
		{"a path without a slash", runner(func(d *Description) { d.Runner.Path = "x" }), "lacks runner.path;"},
		{"an agent of no kind", runner(func(d *Description) { d.Runner.Agent.Kind = "" }), "lacks runner.agent.kind;"},
		{"no jobs", runner(func(d *Description) { d.Runner.Agent.Concurrency = 0 }), "lacks runner.agent.concurrency;"},
		{"no commands", runner(func(d *Description) { d.Runner.Agent.Kind = "command" }), "lacks runner.agent.commands;"},
		{"two things", runner(func(d *Description) { d.Stack, d.Runner.Fleet = "", "" }), "lacks stack, runner.fleet;"},
		{"a server with a runner", func() Description { d := server(nil); d.Runner = runner(nil).Runner; return d }(),
			"of role cache has a section runner"},
		{"a server of nothing", func() Description { d := server(nil); d.Cache = nil; return d }(), "lacks cache;"},
		{"no shard", server(func(c *Cache) { c.Shard = "" }), "lacks cache.shard;"},
		{"a shard below 0", server(func(c *Cache) { c.Number = -1 }), "lacks cache.number;"},
		{"no volume", server(func(c *Cache) { c.Volume = "" }), "lacks cache.volume;"},
		{"no interface", server(func(c *Cache) { c.Interface = "" }), "lacks cache.interface;"},
		{"no threads", server(func(c *Cache) { c.Threads = 0 }), "lacks cache.threads;"},
		{"no clients", server(func(c *Cache) { c.Clients = nil }), "lacks cache.clients;"},
		{"no map", server(func(c *Cache) { c.MapParameter = "" }), "lacks cache.mapParameter;"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.d.Validate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}
