package regionfile

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse checks three promises of the loader. No input makes it panic or hang. Every problem is a single line with the
// next step. Every accepted config survives Default, Validate and a round trip through YAML.
//
//	go test ./internal/regionfile -run '^$' -fuzz FuzzParse -fuzztime 10m -fuzzminimizetime 20x
func FuzzParse(f *testing.F) {
	f.Add([]byte(validFile))
	f.Add([]byte(minimalFile))
	for _, file := range []string{"../../regions/us-east-2.yaml", "../../regions/us-west-1.yaml", "testdata/twenty-ways.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a, *a]\nb: {<<: *a}\n---\n"))
	f.Add([]byte(strings.Repeat("{a: ", 50)))
	f.Add([]byte(minimalFile + "tags: {\"a[\\\"b.c\": \"\\x7f\", 'é': !!str 1, ? [x] : y}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ps := parsePartly(testFile, data)
		if c != nil { // judged in part, as LoadAll does
			partial := *c
			partial.Default()
			ps = append(ps, partial.findProblems()...)
			ps = append(ps, crossCheck([]*Config{&partial, mustParse(t, minimalFile)})...)
		}
		for _, p := range ps {
			checkOneLine(t, p)
		}
		if c, err := Parse(testFile, data); err == nil {
			checkRoundTrip(t, c)
		}
	})
}

// checkRoundTrip checks the properties of every accepted config.
func checkRoundTrip(t *testing.T, c *Config) {
	t.Helper()
	c.Default()
	before := c.Validate()
	text, err := c.YAML()
	if err != nil {
		t.Fatalf("YAML: %v", err)
	}
	again, err := Parse(testFile, text)
	if err != nil {
		t.Fatalf("reading back: %v\n%s", err, text)
	}
	again.Default()
	if len(Problems(before)) != len(Problems(again.Validate())) {
		t.Errorf("problems before\n%v\nand after\n%v", before, again.Validate())
	}
	c.source, again.source = sourceMap{}, sourceMap{}
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("came back as %+v; want %+v\n%s", again, c, text)
	}
}
