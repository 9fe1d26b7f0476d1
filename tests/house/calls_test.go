package house

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// call limits the calls of a function to files below some paths.
type call struct {
	// pkg is the function's package. Empty means a method of a variable or field ctx, as all our code names Pulumi's context.
	pkg, function string
	// only lists the paths that may call it. Paths that begin with "!" are those that may not.
	only []string
	why  string
}

// inMain allows calls in main packages.
const inMain = "main packages"

var calls = []call{
	{"os", "Exit", []string{inMain}, "only main exits the process"},
	{"log", "Fatal", []string{inMain}, "only main exits the process"},
	{"log", "Fatalf", []string{inMain}, "only main exits the process"},
	{"github.com/pulumi/pulumi-aws/sdk/v6/go/aws", "NewProvider", []string{"stacks"}, "only stacks creates providers"},
	{"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp", "NewProvider", []string{"stacks"}, "only stacks creates providers"},
	{"", "Export", []string{"stacks"}, "only stacks exports outputs"},
	{"time", "Now", []string{"!internal/plan", "!internal/regionfile", "!internal/report", "!internal/restype", "!node/shardmap", "!node/spec",
		"!stacks", "!components"},
		"code that decides has no clock"},
}

func TestCalls(t *testing.T) {
	found := map[string]bool{}
	for _, f := range parseFiles(t) {
		if f.isTest() {
			continue
		}
		names := importNames(f.syntax)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			for _, c := range calls {
				if selector.Sel.Name != c.function || !c.isReceiver(selector.X, names) {
					continue
				}
				found[c.pkg+"."+c.function] = true
				if !isAllowed(f.path, c.only) && (f.syntax.Name.Name != "main" || !slices.Contains(c.only, inMain)) {
					t.Errorf("%s calls %s.%s: %s", f.set.Position(selector.Pos()), c.pkg, c.function, c.why)
				}
			}
			return true
		})
	}
	for _, c := range calls {
		if c.pkg != "log" && !found[c.pkg+"."+c.function] {
			t.Errorf("nothing calls %s.%s; the rule needs the function's new name", c.pkg, c.function)
		}
	}
}

// isReceiver reports whether an expression before a function's name is the package, or Pulumi's context. names are the file's imports.
func (c call) isReceiver(x ast.Expr, names map[string]string) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return c.pkg != "" && names[x.Name] == c.pkg || c.pkg == "" && x.Name == "ctx"
	case *ast.SelectorExpr:
		return c.pkg == "" && x.Sel.Name == "ctx"
	}
	return false
}

// isAllowed reports whether a file is below one of the paths, or below none of the paths that begin with "!".
func isAllowed(file string, only []string) bool {
	if len(only) > 0 && strings.HasPrefix(only[0], "!") {
		return !slices.ContainsFunc(only, func(one string) bool { return isUnder(file, one[1:]) })
	}
	return slices.ContainsFunc(only, func(one string) bool { return isUnder(file, one) })
}

// importNames returns the packages of a file by the names that it uses for them.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, one := range f.Imports {
		importPath, err := strconv.Unquote(one.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(importPath)
		if one.Name != nil {
			name = one.Name.Name
		}
		names[name] = importPath
	}
	return names
}
