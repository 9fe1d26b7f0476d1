package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// link is a Markdown link; its first group is the target.
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// filePath is a path of a file of this project in code quotes, such as `internal/plan/plan.go`.
	filePath = regexp.MustCompile("`((?:cmd|components|docs|internal|node|regions|scripts|stacks|tests)/[\\w./-]+\\.(?:go|md|sh|yaml|json))`")
	// codeBlock is code: a fenced or an indented block, or quotes. In code brackets are no links.
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```|^    .*?$|`[^`\n]*`")
)

// TestDocsPointToFiles fails for a link between pages and for a path in code quotes that lead to no file. Pages rot when code moves; this
// test notices. A path with an upper-case placeholder, such as node/ci/NAME.go, is not checked, and neither is the record of past
// decisions.
func TestDocsPointToFiles(t *testing.T) {
	placeholder := regexp.MustCompile(`[A-Z]{3,}`)
	pages := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "bin" || name == "testdata" || strings.HasPrefix(name, ".") && name != ".." && name != ".github") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		pages++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(text), ""), -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s: the link to %s leads to no file", path, match[1])
			}
		}
		if strings.Contains(filepath.ToSlash(path), "docs/decisions/") {
			return nil
		}
		for _, match := range filePath.FindAllStringSubmatch(string(text), -1) {
			if placeholder.MatchString(filepath.Base(match[1])) && filepath.Ext(match[1]) == ".go" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s: `%s` does not exist", path, match[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 20 {
		t.Errorf("found %d pages only", pages)
	}
}
