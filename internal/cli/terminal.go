package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

type ansi string

const (
	red    ansi = "31"
	green  ansi = "32"
	yellow ansi = "33"
	faint  ansi = "2"
)

// isTerminal says whether somebody looks at w while it is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colour paints text on a terminal and nowhere else; https://no-color.org is honoured.
func colour(w io.Writer, c ansi, text string) string {
	if _, plain := os.LookupEnv("NO_COLOR"); plain || !isTerminal(w) {
		return text
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", c, text)
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
