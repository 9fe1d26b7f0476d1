package regionfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parseBack parses the text of a config and removes its connection to the file, which differs.
func parseBack(tb testing.TB, c *Config, text []byte) *Config {
	tb.Helper()
	got, err := Parse(c.Name+".yaml", text)
	if err != nil {
		tb.Fatalf("reading back: %v\n%s", err, text)
	}
	got.source = sourceMap{}
	return got
}

func TestYAMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawConfig(rt)
		if rapid.Bool().Draw(rt, "default") {
			c.Default()
		}
		text, err := c.YAML()
		if err != nil {
			rt.Fatal(err)
		}
		if got := parseBack(t, c, text); !reflect.DeepEqual(got, c) {
			rt.Fatalf("got %+v\nwant %+v\n%s", got, c, text)
		}
	})
}

// JSON has the same keys and is a valid region file too.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawConfig(rt)
		text, err := json.Marshal(c)
		if err != nil {
			rt.Fatal(err)
		}
		if got := parseBack(t, c, text); !reflect.DeepEqual(got, c) {
			rt.Fatalf("got %+v\nwant %+v\n%s", got, c, text)
		}
	})
}

func TestYAMLMarksDefaults(t *testing.T) {
	text, err := mustParse(t, validFile).YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# yaml-language-server: $schema=schema.json\naws:\n  account: \"210987654321\"\n",
		"  zones: [us-west-1a, us-west-1b]\n", "posture: active\n", "  addresses: 1 # default\n", "    disk: 200GiB\n",
		"    disk: 100GiB # default\n",
		"  ranges: [10.128.0.0/9] # default\n", "    - {name: api, host: api.example.com, address: 10.128.0.10, ports: [443, 8443]}\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// The same config produces the same bytes, whatever the order of its maps.
func TestYAMLIsStable(t *testing.T) {
	c := mustParse(t, validFile)
	first, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := c.YAML(); err != nil || string(again) != string(first) {
			t.Fatalf("differs: %v\n%s", err, again)
		}
	}
}

// The YAML library's literal blocks lose these texts.
func TestYAMLKeepsOddTexts(t *testing.T) {
	for _, text := range []string{
		"\n\tx", " \n\ta\n", "a\n\tb", "a\n\n", "a\n b\n\nc\n", "# x\ny", "a\r\nb", "\u3000\nb", "\n", "\t", "a \nb", "---\nx", "\u0085\n", "~",
		"true", "0x1f", "<<", "2022-04-01",
	} {
		c := &Config{Name: "a", Runners: map[string]Runner{"r": {
			Arch: ARM64, InstanceTypes: []string{"m7g.large"}, Count: Count{Max: 1},
			Agent: Agent{Kind: Command, Commands: &Commands{Install: text, Register: "r", Drain: "d", Unregister: "u"}},
		}}}
		c.AWS = AWS{Account: "210987654321", Region: "us-west-1", Zones: []string{"us-west-1a"}}
		c.Network.CIDR = mustPrefix("10.42.0.0/16")
		out, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if got := parseBack(t, c, out).Runners["r"].Agent.Commands.Install; got != text {
			t.Errorf("%q came back as %q\n%s", text, got, out)
		}
	}
}
