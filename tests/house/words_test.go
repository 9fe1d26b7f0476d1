package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// refusedWords are words that docs/glossary.md replaces by better ones, as far as a pattern can find them. forbidigo cannot do this: it
// matches identifiers, never the text of a literal.
var refusedWords = []struct{ pattern, use string }{
	{`\btak(e|es|ing) up\b`, "adopt"},
	{`\blet(s|ting)? go\b`, "release, detach"},
	{`\banew\b`, "again"},
	{`\bsomebody\b`, "another stack, another user"},
	{`\bwhoever\b`, "name who"},
	{`\bis no\b [^l]`, "is not a, not found"}, // but "is no longer"
	{`\bso many\b`, "N"},
	{`\bways? out\b`, "egress route, internet access"},
	{`\b(is|are|was|were) (there|told|taken|said|let|kept|meant|reached)\b`, "exists, or the verb with its subject"},
	{`\bmend(s|ed|ing)?\b`, "fix"},
	{`\bjudgement\b`, "our estimate"},
	{`\bthings?\b`, "resource, object, entry"},
	{`\bnobody\b`, "name who"},
}

// TestWords looks at the string literals of the program and the agent. Import paths and struct tags are none.
func TestWords(t *testing.T) {
	for _, refused := range refusedWords {
		pattern := regexp.MustCompile("(?i)" + refused.pattern)
		for _, f := range parseFiles(t) {
			if f.isTest() {
				continue
			}
			for _, literal := range stringLiterals(f.syntax) {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				if found := pattern.FindString(text); found != "" {
					t.Errorf("%s has %q; use: %s", f.set.Position(literal.Pos()), found, refused.use)
				}
			}
		}
	}
}

func stringLiterals(f *ast.File) []*ast.BasicLit {
	var all []*ast.BasicLit
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				ast.Inspect(n.Type, func(inner ast.Node) bool { return inner != n.Tag })
				return false
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				all = append(all, n)
			}
		}
		return true
	})
	return all
}
