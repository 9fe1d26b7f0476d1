package regionfile

import (
	"net/netip"
	"time"

	"pgregory.net/rapid"
)

// drawConfig draws a config that the decoder could have returned: it respects all types and bounds, and ignores the rules.
// Absent keys stay absent.
func drawConfig(t *rapid.T) *Config {
	name := rapid.StringMatching(`[a-z][a-z0-9]{0,8}`)
	c := &Config{
		Name: name.Draw(t, "region"),
		AWS: AWS{Account: rapid.StringMatching(`[0-9]{12}`).Draw(t, "account"), Region: name.Draw(t, "aws"),
			Zones: rapid.SliceOfN(name, 1, 6).Draw(t, "zones")},
		Posture: drawEnum[Posture](t), Ready: Duration(rapid.IntRange(0, 100_000).Draw(t, "ready")) * Duration(time.Second),
		Network: Network{
			CIDR: drawPrefix(t), Egress: drawEnum[Egress](t), Addresses: rapid.IntRange(0, 8).Draw(t, "addresses"),
			Keep: drawList(t, drawEnum1[Egress]()), AptMirror: rapid.StringN(0, 20, 40).Draw(t, "archive"),
		},
		Alerts: Alerts{Email: drawList(t, rapid.StringN(1, 20, 40)), Webhooks: drawList(t, rapid.StringN(1, 20, 40))},
		Tags:   drawMap(t, rapid.StringN(0, 10, 20), rapid.StringN(0, 10, 20)),
	}
	for range rapid.IntRange(0, 3).Draw(t, "fleets") {
		if c.Runners == nil {
			c.Runners = map[string]Runner{}
		}
		c.Runners[name.Draw(t, "fleet")] = drawRunner(t)
	}
	if rapid.Bool().Draw(t, "cache") {
		c.Cache = drawCache(t)
	}
	if rapid.Bool().Draw(t, "gcp") {
		c.GCP = drawGCP(t)
	}
	return c
}

func drawRunner(t *rapid.T) Runner {
	word := rapid.StringN(1, 12, 30)
	r := Runner{
		Arch: drawEnum1[Arch]().Draw(t, "arch"), InstanceTypes: rapid.SliceOfN(word, 1, 4).Draw(t, "types"),
		Count: Count{Min: rapid.IntRange(0, 5).Draw(t, "min"), Max: rapid.IntRange(1, 50).Draw(t, "max")},
		Disk:  Size(rapid.IntRange(0, 70_000).Draw(t, "disk")), Image: drawEnum[Image](t),
		OnDemand: OnDemand{Base: rapid.Ptr(rapid.IntRange(0, 9), true).Draw(t, "base"),
			Percent: rapid.Ptr(rapid.IntRange(0, 100), true).Draw(t, "percent")},
		Cache: rapid.Ptr(rapid.Bool(), true).Draw(t, "cache"), RegistryMirror: rapid.StringN(0, 20, 40).Draw(t, "mirror"),
		Agent: Agent{
			Kind: drawEnum1[AgentKind]().Draw(t, "kind"), URL: rapid.StringN(0, 20, 40).Draw(t, "url"), Tags: drawList(t, word),
			Concurrency: rapid.IntRange(0, 64).Draw(t, "concurrency"),
			Token:       rapid.StringMatching(`([a-z]{1,8}(-[a-z0-9]{1,8}){0,2})?`).Draw(t, "token"),
		},
	}
	if rapid.Bool().Draw(t, "commands") {
		r.Agent.Commands = &Commands{Install: word.Draw(t, "install"), Register: "a\n b\n\nc\n", Drain: word.Draw(t, "drain"),
			Unregister: " # x: y"}
	}
	return r
}

func drawCache(t *rapid.T) *Cache {
	c := &Cache{
		Shards: rapid.IntRange(1, 32).Draw(t, "shards"), InstanceTypes: []string{"m7g.large"},
		Volume: Volume{Size: Size(rapid.IntRange(1, 70_000).Draw(t, "size")), IOPS: rapid.SampledFrom([]int{0, 3000, 80000}).Draw(t, "iops"),
			Throughput: rapid.SampledFrom([]int{0, 125}).Draw(t, "throughput")},
		Pins: drawMap(t, rapid.StringN(0, 10, 20), rapid.IntRange(-2, 40)),
	}
	if rapid.Bool().Draw(t, "seed") {
		c.Seed = &Seed{Region: rapid.StringN(1, 10, 20).Draw(t, "from")}
	}
	return c
}

func drawGCP(t *rapid.T) *GCP {
	g := &GCP{
		Project: "acme-backend", Region: "us-west2", Network: rapid.SampledFrom([]string{"", "other"}).Draw(t, "network"),
		Link: drawEnum[Link](t), Path: drawEnum[Path](t), GoogleAPIs: drawEnum[GoogleAPIs](t),
		ASN: ASN{AWS: rapid.SampledFrom([]int64{0, 64512, 4294967294}).Draw(t, "asn"),
			GCP: rapid.SampledFrom([]int64{0, 64513}).Draw(t, "asn of GCP")},
	}
	if rapid.Bool().Draw(t, "tunnels") {
		g.TunnelRange = drawPrefix(t)
	}
	if rapid.Bool().Draw(t, "policy") {
		g.SecurityPolicy = &SecurityPolicy{Name: "edge", Priority: rapid.SampledFrom([]int{0, 4200, 2147483646}).Draw(t, "priority")}
	}
	for range rapid.IntRange(0, 2).Draw(t, "ranges") {
		g.Ranges = append(g.Ranges, drawPrefix(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "services") {
		g.Services = append(g.Services,
			Service{Name: "api", Host: rapid.StringN(1, 10, 20).Draw(t, "host"), Address: drawPrefix(t).Addr(),
				Ports: []int{rapid.Int().Draw(t, "port")}})
	}
	return g
}

func drawPrefix(t *rapid.T) netip.Prefix {
	b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(b)), rapid.IntRange(0, 32).Draw(t, "bits"))
}

// drawEnum draws one of the values of an enum, or the empty value.
func drawEnum[T interface {
	~string
	enum
}](t *rapid.T) T {
	return T(rapid.SampledFrom(append([]string{""}, (*new(T)).Values()...)).Draw(t, "enum"))
}

// drawEnum1 draws one of the values of an enum.
func drawEnum1[T interface {
	~string
	enum
}]() *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) T { return T(rapid.SampledFrom((*new(T)).Values()).Draw(t, "enum")) })
}

// drawList draws a list. An empty list is nil, as in a decoded config.
func drawList[T any](t *rapid.T, g *rapid.Generator[T]) []T {
	if l := rapid.SliceOfN(g, 0, 3).Draw(t, "list"); len(l) > 0 {
		return l
	}
	return nil
}

// drawMap draws a map. An empty map is nil, as in a decoded config.
func drawMap[V any](t *rapid.T, k *rapid.Generator[string], v *rapid.Generator[V]) map[string]V {
	if m := rapid.MapOfN(k, v, 0, 3).Draw(t, "map"); len(m) > 0 {
		return m
	}
	return nil
}
