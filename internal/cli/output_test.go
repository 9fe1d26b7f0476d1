package cli

import (
	"strings"
	"testing"
)

func TestQuoteForShell(t *testing.T) {
	if got, want := quoteForShell("it's $HOME"), `'it'\''s $HOME'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBlockYAML(t *testing.T) {
	text, err := blockYAML(map[string]any{"b": []string{"x"}, "a": map[string]int{"n": 1}})
	if err != nil || string(text) != "a:\n  n: 1\nb:\n  - x\n" || strings.Contains(string(text), "{") {
		t.Errorf("%s %v", text, err)
	}
}

// JSON is for programs and people: it keeps <, > and & as they are.
func TestWriteJSON(t *testing.T) {
	var out strings.Builder
	const want = "{\n  \"a\": [\n    \"x<y & z\"\n  ]\n}\n"
	if err := writeJSON(&out, map[string]any{"a": []string{"x<y & z"}}); err != nil || out.String() != want {
		t.Errorf("%q %v", out.String(), err)
	}
}
