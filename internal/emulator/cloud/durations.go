package cloud

import (
	_ "embed"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

// durationsYAML holds the model durations in seconds. The file and docs/facts.md, section 1, name the sources.
//
//go:embed durations.yaml
var durationsYAML []byte

type durationTable struct {
	create  map[string]float64
	machine map[string]float64
}

var durations = sync.OnceValue(func() durationTable {
	raw := map[string]yaml.Node{}
	if err := yaml.Unmarshal(durationsYAML, &raw); err != nil {
		panic(fmt.Sprintf("durations.yaml: %v", err)) // embedded, and read by every test
	}
	t := durationTable{create: map[string]float64{}, machine: map[string]float64{}}
	for name, node := range raw {
		if name == "machine" {
			mustDecode(name, &node, &t.machine)
			continue
		}
		var seconds float64
		mustDecode(name, &node, &seconds)
		t.create[name] = seconds
	}
	return t
})

func mustDecode(name string, node *yaml.Node, into any) {
	if err := node.Decode(into); err != nil {
		panic(fmt.Sprintf("durations.yaml: %s: %v", name, err))
	}
}

// OperationSeconds returns how many model seconds an operation takes in the real cloud. A delete or an update takes a quarter of a
// create, at least 1 s.
func OperationSeconds(k *Kind, op string, r *Record) float64 {
	t := durations().create
	seconds, ok := t[k.Type]
	if !ok {
		seconds = t["default"]
	}
	if k.Seconds != nil {
		seconds = k.Seconds(r)
	}
	if op != "create" {
		seconds = max(1, seconds/4)
	}
	return seconds
}
