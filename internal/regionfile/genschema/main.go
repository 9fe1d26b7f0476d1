// Command genschema writes regions/schema.json and docs/region-file.md from the Go types of package regionfile, so both
// always agree with the loader. Run it with: go generate ./internal/regionfile
package main

import (
	"fmt"
	"os"
)

// The two generated files, seen from internal/regionfile, where go generate runs.
const (
	schemaFile = "../../regions/schema.json"
	docFile    = "../../docs/region-file.md"
)

func main() {
	if err := writeFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "genschema:", err)
		os.Exit(1)
	}
}

func writeFiles() error {
	files, err := generateFiles()
	if err != nil {
		return err
	}
	for path, text := range files {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w; run go generate ./internal/regionfile from the project's directory", path, err)
		}
	}
	return nil
}

// generateFiles returns the text of each generated file by its path. It reads the sources and the example from the working
// directory.
func generateFiles() (map[string][]byte, error) {
	s, err := buildSchema()
	if err != nil {
		return nil, err
	}
	text, err := marshalSchema(s)
	if err != nil {
		return nil, err
	}
	page, err := buildPage(s)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{schemaFile: text, docFile: page}, nil
}
