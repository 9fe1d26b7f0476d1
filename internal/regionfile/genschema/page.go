package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// example is the region file that the page prints whole.
const example = "../../regions/us-west-1.yaml"

const intro = `# The region file

<!-- Written by go generate ./internal/regionfile from the Go types of package regionfile. Change the comments and tags there. -->

One YAML file describes one CI build region. Its name without ` + "`.yaml`" + ` is the name of the stack: 1 to 32 lower-case letters,
digits and hyphens, starting with a letter.

The file is read strictly. Unknown keys, keys given twice, values of the wrong type, missing keys and broken rules are all reported
at once, each with its line and with what to write:

    regions/us-west-1.yaml:7: network.cidr: "10.0.0.0/30" is too small; want /16 to /20, for example 10.42.0.0/16

- A number that is meant as a text takes quotes: ` + "`account: \"210987654321\"`" + `.
- A key without a value is an error: leave the key out for its default.
- Fleets may share settings by YAML anchors and merge keys (` + "`agent: &jobserv {…}`" + `, then ` + "`<<: *jobserv`" + `). The anchor stands at
  its first use; a merge goes one level deep.
- Secrets never stand in the file. ` + "`agent.token`" + ` is the name of a stack secret.
- ` + "`schema.json`" + ` beside the files gives editors completion and the simpler checks, with the first line of the example below.
  The loader is the judge.
- ` + "`beachhead show REGION`" + ` prints the file with every default filled in.

`

// buildPage writes the reference page: a table of keys for each section, the rules, and an example.
func buildPage(s *jsonschema.Schema) ([]byte, error) {
	file, err := os.ReadFile(example)
	if err != nil {
		return nil, fmt.Errorf("reading the example: %w; run go generate ./internal/regionfile", err)
	}
	var out bytes.Buffer
	out.WriteString(intro)
	out.WriteString("## Keys\n\n")
	section(&out, s, "")
	out.WriteString("## Rules\n\nBeyond types, bounds and patterns. A warning stops nothing.\n\n")
	on := ""
	for _, r := range regionfile.Rules() {
		if r.On != on {
			fmt.Fprintf(&out, "- `%s`\n", r.On)
			on = r.On
		}
		fmt.Fprintf(&out, "  - %s\n", r.Says)
	}
	fmt.Fprintf(&out, "\n## Example\n\n`regions/%s`:\n\n```yaml\n%s```\n", example, file)
	return out.Bytes(), nil
}

// section writes the table of one mapping and then those of the mappings in it.
func section(out *bytes.Buffer, s *jsonschema.Schema, path string) {
	title := "The file"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(out, "### %s\n\n", title)
	if s.Description != "" {
		fmt.Fprintf(out, "%s\n\n", s.Description)
	}
	out.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for key, inner := range s.Properties.FromOldest() {
		value := ""
		switch {
		case slices.Contains(s.Required, key):
			value = "required"
		case inner.Default != nil:
			value = code(inner.Default)
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", key, cell(kind(inner)), cell(value), cell(inner.Description))
	}
	out.WriteString("\n")
	for key, inner := range s.Properties.FromOldest() {
		if deeper, suffix := mappingIn(inner); deeper != nil {
			section(out, deeper, strings.TrimPrefix(path+"."+key+suffix, "."))
		}
	}
}

// mappingIn gives the mapping that a key holds, by itself, by name or in a list, and how its path goes on.
func mappingIn(s *jsonschema.Schema) (*jsonschema.Schema, string) {
	switch {
	case s.Items != nil && s.Items.Properties.Len() > 0:
		return s.Items, "[]"
	case s.Properties.Len() > 0:
		return s, ""
	case s.AdditionalProperties != nil && s.AdditionalProperties.Properties.Len() > 0:
		return s.AdditionalProperties, ".NAME"
	}
	return nil, ""
}

// kind says what a value looks like, with its bounds.
func kind(s *jsonschema.Schema) string {
	switch {
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = code(v)
		}
		return strings.Join(values, " ")
	case s.Type == "array":
		return strings.TrimSpace("list of " + kind(s.Items) + listBounds(s))
	case s.Type == "object" && s.Properties.Len() == 0 && s.AdditionalProperties != nil:
		return "mapping to " + kind(s.AdditionalProperties)
	case s.Type == "object":
		return "mapping"
	case s.Type == "string":
		return textKind(s)
	}
	return s.Type + numberBounds(s)
}

// textKind names the texts that have a form of their own; a pattern is printed as it is.
func textKind(s *jsonschema.Schema) string {
	switch {
	case strings.Contains(s.Pattern, "GiB"):
		return "size, as 200GiB or 2TiB"
	case strings.Contains(s.Pattern, "ms|s|m|h"):
		return "duration, as 10m or 1h30m"
	case strings.Contains(s.Pattern, "/["):
		return "address range, as 10.42.0.0/16"
	case s.Format == "ipv4":
		return "IPv4 address"
	case s.Pattern != "":
		return "text, `" + s.Pattern + "`"
	}
	return "text"
}

func numberBounds(s *jsonschema.Schema) string {
	switch {
	case s.Minimum != "" && s.Maximum != "":
		return fmt.Sprintf(", %s to %s", s.Minimum, s.Maximum)
	case s.Minimum != "":
		return fmt.Sprintf(", at least %s", s.Minimum)
	}
	return ""
}

func listBounds(s *jsonschema.Schema) string {
	switch {
	case s.MinItems != nil && s.MaxItems != nil:
		return fmt.Sprintf(", %d to %d", *s.MinItems, *s.MaxItems)
	case s.MinItems != nil:
		return fmt.Sprintf(", at least %d", *s.MinItems)
	}
	return ""
}

func code(v any) string { return fmt.Sprintf("`%v`", v) }

// cell keeps a text inside its cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
