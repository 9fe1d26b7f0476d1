package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// diagramBlock is the README's picture of the packages.
	diagramBlock = regexp.MustCompile("(?s)```mermaid\nflowchart TD\n(.*?)```")
	// diagramNode is a line that names a group of packages: name["path<br/>text"].
	diagramNode = regexp.MustCompile(`^  (\w+)\["([^"<]+)<br/>[^"]*"\]$`)
	// diagramArrow is a line with the imports of a group: name --> other & another.
	diagramArrow = regexp.MustCompile(`^  (\w+) --> (.*)$`)
)

// group is a box of the picture: a path and all packages below it that are in no other box. The main package's path is main.go.
type group struct{ name, path string }

// TestDiagram compares the README's picture with the imports. The picture has an arrow for each import between two groups, except where a
// longer chain of arrows leads to the same group. With UPDATE_GOLDEN set the test writes the arrows; the boxes are written by hand.
func TestDiagram(t *testing.T) {
	file := filepath.Join(root, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block := diagramBlock.FindSubmatch(text)
	if block == nil {
		t.Fatal("README.md has no mermaid block that begins with flowchart TD")
	}
	var groups []group
	var boxes, have []string
	for line := range strings.Lines(string(block[1])) {
		line = strings.TrimRight(line, "\n")
		if m := diagramNode.FindStringSubmatch(line); m != nil {
			groups = append(groups, group{m[1], m[2]})
			boxes = append(boxes, line)
		} else if diagramArrow.MatchString(line) {
			have = append(have, line)
		} else {
			t.Errorf("README.md: %q is neither a box nor arrows", line)
		}
	}
	want := arrows(t, groups)
	if slices.Equal(have, want) {
		return
	}
	t.Errorf("README.md has the arrows\n%s\nwant\n%s\nto accept: UPDATE_GOLDEN=1 go test ./tests/house", strings.Join(have, "\n"),
		strings.Join(want, "\n"))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		lines := strings.Join(append(boxes, want...), "\n")
		changed := diagramBlock.ReplaceAllLiteralString(string(text), "```mermaid\nflowchart TD\n"+lines+"\n```")
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// arrows returns the lines of arrows that the imports need, in the order of the groups.
func arrows(t *testing.T, groups []group) []string {
	t.Helper()
	edges := groupImports(t, groups)
	var lines []string
	for _, from := range groups {
		var to []string
		for _, other := range groups {
			if edges[from.name][other.name] && !reachesThrough(edges, from.name, other.name) {
				to = append(to, other.name)
			}
		}
		if len(to) > 0 {
			lines = append(lines, fmt.Sprintf("  %s --> %s", from.name, strings.Join(to, " & ")))
		}
	}
	return lines
}

// groupImports returns which group imports which. It fails the test for a package without a group, a group without packages, and groups
// that import each other.
func groupImports(t *testing.T, groups []group) map[string]map[string]bool {
	t.Helper()
	edges := map[string]map[string]bool{}
	for _, p := range listPackages(t) {
		from := groupOf(groups, p.path)
		if from == "" && !isUnder(p.path, "tests") {
			t.Errorf("README.md: the picture has no box for %s", p.path)
		}
		if from == "" || isUnder(p.path, "tests") {
			continue
		}
		if edges[from] == nil {
			edges[from] = map[string]bool{}
		}
		for _, imported := range p.imports {
			if to := groupOf(groups, imported); to != "" && to != from {
				edges[from][to] = true
			}
		}
	}
	for _, g := range groups {
		if edges[g.name] == nil {
			t.Errorf("README.md: no package is below %s", g.path)
		}
		if reachesThrough(edges, g.name, g.name) {
			t.Errorf("the packages of %s import packages that import them: make two boxes of it", g.path)
		}
	}
	return edges
}

// groupOf returns the name of the group with the longest path that a package is under.
func groupOf(groups []group, pkg string) string {
	name, longest := "", 0
	for _, g := range groups {
		if (g.path == "main.go" && pkg == "." || isUnder(pkg, g.path)) && len(g.path) > longest {
			name, longest = g.name, len(g.path)
		}
	}
	return name
}

// reachesThrough reports whether a chain of two imports or more leads from one group to another.
func reachesThrough(edges map[string]map[string]bool, from, to string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		if seen[at] {
			return false
		}
		seen[at] = true
		for next := range edges[at] {
			if next == to && at != from || next != to && visit(next) {
				return true
			}
		}
		return false
	}
	return visit(from)
}
