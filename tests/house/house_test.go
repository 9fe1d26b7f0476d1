// Package house holds the tests that keep the house in order: which package may import which, and what every package must not have.
package house

import (
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/beachhead-build/beachhead/"

// rules: no package under from may reach a package under to, directly or through others.
var rules = []struct{ from, to, why string }{
	{"internal/regionfile", "github.com/pulumi/", "a region file must load without the engine"},
	{"internal/regionfile", module + "components", "what a region is does not depend on how it is made"},
	{"internal/plan", module + "components", "what a region is does not depend on how it is made"},
	{"internal/plan", "github.com/pulumi/", "a plan must build without the engine"},
	{"internal/regionfile", module + "internal/plan", "lower never imports higher"},
	{"node", "github.com/pulumi/", "the agent must stay small and static"},
	{"components", module + "internal/regionfile", "components take arguments, not region files"},
	{"components", module + "stacks", "lower never imports higher"},
	{"components", module + "internal", "lower never imports higher"},
	{"stacks", module + "internal/engine", "lower never imports higher"},
	{"stacks", module + "internal/cli", "lower never imports higher"},
	{"internal/engine", module + "stacks", "the engine runs any program; the command line gives it one"},
	{"internal/engine", module + "internal/emulator", "the engine must not know whether its cloud is real"},
	{"internal/engine", module + "internal/cli", "lower never imports higher"},
	{"internal/emulator", module + "internal/engine", "a cloud does not know who uses it"},
	{"internal/emulator", module + "components", "an emulated cloud that knew our components would agree with their mistakes"},
	{"internal/emulator", module + "stacks", "an emulated cloud that knew our program would agree with its mistakes"},
	{"internal/emulator", module + "internal/plan", "an emulated cloud that knew our plan would agree with its mistakes"},
	{"internal/verify", "github.com/pulumi/", "verification asks the cloud, not the engine"},
	{"internal/verify", module + "internal/engine", "verification asks the cloud, not the engine"},
	{"internal/clouds", module + "internal/cli", "lower never imports higher"},
	{"internal/clouds", module + "internal/engine", "a query knows nothing of the operations that use its answer"},
	{"internal/inventory", module + "internal/engine", "what a stack owns is a value that the engine receives"},
	{"internal/inventory", module + "internal/clouds", "code that decides is pure"},
	{"internal/inventory", "github.com/aws/", "only internal/clouds calls the clouds' clients"},
	{"internal/inventory", "github.com/pulumi/", "code that decides is pure"},
	{"internal/restype", module, "the table of resource types is below everything else"},
	{"internal/report", module + "internal/cli", "lower never imports higher"},
}

// direct: imports that only the named package itself may have, since going through others is the way that is meant.
var direct = []struct{ of, only, why string }{
	{"github.com/pulumi/pulumi-aws/sdk/v6/go/aws", "stacks", "only stacks creates providers"},
}

func TestImportDirection(t *testing.T) {
	deps := list(t, "{{.ImportPath}} {{join .Deps \" \"}}")
	for _, rule := range rules {
		for pkg, all := range deps {
			if !under(pkg, module+rule.from) {
				continue
			}
			for _, dep := range all {
				if under(dep, rule.to) {
					t.Errorf("%s reaches %s: %s", pkg, dep, rule.why)
				}
			}
		}
	}
	for _, rule := range direct {
		for pkg, imports := range list(t, "{{.ImportPath}} {{join .Imports \" \"}}") {
			for _, dep := range imports {
				if dep == rule.of && !under(pkg, module+rule.only) {
					t.Errorf("%s imports %s: %s", pkg, dep, rule.why)
				}
			}
		}
	}
}

func TestNoPackageWithoutAName(t *testing.T) {
	for pkg := range list(t, "{{.ImportPath}}") {
		switch path.Base(pkg) {
		case "util", "utils", "common", "helper", "helpers", "misc", "base":
			t.Errorf("%s: name it by what it knows", pkg)
		}
	}
}

// under says whether a package is the given one or below it.
func under(pkg, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return pkg == root || strings.HasPrefix(pkg, root+"/")
}

// list asks go list about every package of the module; the first word of each line is the package, the others are the answer.
func list(t *testing.T, format string) map[string][]string {
	t.Helper()
	command := exec.Command("go", "list", "-f", format, "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	answers := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 0 {
			answers[words[0]] = words[1:]
		}
	}
	if len(answers) < 5 {
		t.Fatalf("go list found %d packages only", len(answers))
	}
	return answers
}
