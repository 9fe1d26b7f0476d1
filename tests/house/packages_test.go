// Package house holds the tests of the code's own rules: which package imports which, sizes, words.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/beachhead-build/beachhead"

// root is the project's folder, from this package's.
const root = "../.."

// goPackage is a package of this module. Its paths, and those of packages of this module in imports and deps, are without the module's
// name; the main package is ".".
type goPackage struct {
	path string
	// imports are what the package itself imports, deps all that this reaches.
	imports, deps []string
}

// listPackages returns every package of the module that has files without build tags, as `go list` sees it.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	all, err := listOnce()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(all) < 20 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

var listOnce = sync.OnceValues(func() ([]goPackage, error) {
	command := exec.Command("go", "list", "-f", "{{.ImportPath}};{{join .Imports \" \"}};{{join .Deps \" \"}}", "./...")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	var all []goPackage
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), ";")
		p := goPackage{path: shorten(parts[0])}
		p.imports, p.deps = shortenAll(parts[1]), shortenAll(parts[2])
		all = append(all, p)
	}
	return all, nil
})

// shorten removes the module's name.
func shorten(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// shortenAll leaves out the standard library's own internal packages, which would look like ours.
func shortenAll(importPaths string) []string {
	var all []string
	for _, one := range strings.Fields(importPaths) {
		if !strings.HasPrefix(one, "internal/") {
			all = append(all, shorten(one))
		}
	}
	return all
}

// isUnder reports whether a package is the one at the path or below it.
func isUnder(pkg, path string) bool {
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}

// goFile is a Go file of the module, whatever its build tags are.
type goFile struct {
	// path is below the project's folder.
	path   string
	syntax *ast.File
	set    *token.FileSet
	lines  int
}

func (f goFile) isTest() bool {
	return strings.HasSuffix(f.path, "_test.go") || strings.HasPrefix(f.path, "tests/")
}

// parseFiles returns all Go files of the module.
func parseFiles(t *testing.T) []goFile {
	t.Helper()
	all, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("found %d files only", len(all))
	}
	return all
}

var parseOnce = sync.OnceValues(func() ([]goFile, error) {
	var all []goFile
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "bin" || name == "tools" || strings.HasPrefix(name, ".") && name != ".." && path != root) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		all = append(all, goFile{filepath.ToSlash(relative), syntax, set, set.File(syntax.FileStart).LineCount()})
		return err
	})
	return all, err
})
