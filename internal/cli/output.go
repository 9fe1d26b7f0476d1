package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
	"golang.org/x/term"
)

type ansi string

const (
	red    ansi = "31"
	green  ansi = "32"
	yellow ansi = "33"
	faint  ansi = "2"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colour returns text in a colour if w is a terminal and NO_COLOR is not set (https://no-color.org), and plain text otherwise.
func colour(w io.Writer, c ansi, text string) string {
	if _, plain := os.LookupEnv("NO_COLOR"); plain || !isTerminal(w) {
		return text
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", c, text)
}

// newTable returns a writer to standard output that aligns columns.
func (a *app) newTable() *tabwriter.Writer { return tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0) }

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// blockYAML returns the JSON of a value as readable YAML. JSON is YAML already: only its style changes.
func blockYAML(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, err
	}
	clearStyle(&node)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err = encoder.Encode(&node)
	return out.Bytes(), err
}

// clearStyle sets a node and all nodes below it to YAML's block style.
func clearStyle(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		clearStyle(child)
	}
}
