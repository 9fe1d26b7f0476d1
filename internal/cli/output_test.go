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
