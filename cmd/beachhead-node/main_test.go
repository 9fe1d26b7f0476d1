package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const described = `{"version":1,"role":"cache","stack":"us-west-1","region":"us-west-1",` +
	`"metrics":{"namespace":"Beachhead","dimensions":{"Shard":"cache-shard-00"}},"hooks":{"ready":"ready","drain":"drain"},` +
	`"cache":{"shard":"cache-shard-00","number":0,"volume":"cache-shard-00","interface":"cache-shard-00","threads":64,` +
	`"clients":["10.42.0.0/20"],"mapParameter":"/beachhead/us-west-1/cache/map"}}`

func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"version"}, &out); err != nil || !strings.Contains(out.String(), "description version 1") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"version", "please"}, {"run"}, {"run", "--file", "x"}, {"run", "--description", "x", "y"}} {
		if err := run(t.Context(), args, &strings.Builder{}); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v, want the usage", args, err)
		}
	}
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"what it cannot do yet": {described, "cannot serve as cache yet"},
		"what it cannot read":   {"{}", "node.json: the description has version 0"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "node.json")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := run(t.Context(), []string{"run", "--description", file}, &out); err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("%v, want %q in it; printed %q", err, c.want, out.String())
			}
		})
	}
	err := run(t.Context(), []string{"run", "--description", "nowhere.json"}, &strings.Builder{})
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, errUsage) || !strings.Contains(err.Error(), "cloud-init-output.log") {
		t.Errorf("without a file: %v", err)
	}
}
