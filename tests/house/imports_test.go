package house

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// rule forbids imports: no package of from may import a package of to.
type rule struct {
	// from is a path in this module, without the module's name, and means this package and all below it. "*" means every package.
	from string
	// to is a path in this module, of the standard library or of another module, and means this package and all below it; with "$" at the end,
	// this package alone.
	to string
	// except lists the paths that may import to all the same.
	except []string
	// direct allows to reach to through other packages. Other rules forbid this too.
	direct bool
	why    string
}

var rules = []rule{
	// main is highest.
	{from: "*", to: "internal/cli", except: []string{".", "tests"}, why: "only main starts the command line"},
	{from: "internal", to: "tests", why: "product code does not depend on tests"},
	{from: "components", to: "tests", why: "product code does not depend on tests"},
	{from: "stacks", to: "tests", why: "product code does not depend on tests"},
	{from: "node", to: "tests", why: "product code does not depend on tests"},

	// From the region file to the program.
	{from: "internal/regionfile", to: "github.com/pulumi", why: "a region file must load without the engine"},
	{from: "internal/regionfile", to: "components", why: "a region's description does not depend on how it is built"},
	{from: "internal/plan", to: "github.com/pulumi", why: "a plan must build without the engine"},
	{from: "internal/plan", to: "components", why: "a region's description does not depend on how it is built"},
	{from: "internal/regionfile", to: "internal", except: []string{"internal/regionfile", "internal/ec2types"},
		why: "a lower package never imports a higher one"},
	{from: "internal/plan", to: "internal", except: []string{"internal/plan", "internal/regionfile", "internal/ec2types"},
		why: "a lower package never imports a higher one"},
	{from: "internal/ec2types", to: "internal", except: []string{"internal/ec2types"}, why: "a lower package never imports a higher one"},
	{from: "components", to: "internal", why: "components take arguments, not region files or plans"},
	{from: "components", to: "stacks", why: "a lower package never imports a higher one"},
	{from: "stacks", to: "internal", except: []string{"internal/plan", "internal/regionfile", "internal/ec2types"},
		why: "the program knows the plan, and nothing of what runs or emulates it"},
	{from: "*", to: "github.com/pulumi/pulumi-aws/sdk/v6/go/aws", except: []string{"stacks", "components"}, direct: true,
		why: "only the program describes resources"},
	{from: "*", to: "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp", except: []string{"stacks", "components"}, direct: true,
		why: "only the program describes resources"},
	{from: "*", to: "github.com/pulumi/pulumi-aws/sdk/v6/go/aws$", except: []string{"stacks"}, direct: true,
		why: "only stacks creates providers"},
	{from: "*", to: "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp$", except: []string{"stacks"}, direct: true,
		why: "only stacks creates providers"},

	// The agent.
	{from: "node", to: "github.com/pulumi", why: "the agent must stay small and static"},
	{from: "node", to: "internal", why: "the agent must stay small and static"},
	{from: "node", to: "components", why: "the agent must stay small and static"},
	{from: "node", to: "stacks", why: "the agent must stay small and static"},

	// The engine and its cloud.
	{from: "internal/engine", to: "stacks", why: "the engine runs any program; the session gives it one"},
	{from: "internal/engine", to: "internal/emulator", why: "the engine must not know whether its cloud is real"},
	{from: "internal/engine", to: "internal/session", why: "a lower package never imports a higher one"},
	{from: "internal/engine", to: "internal/report", why: "the engine returns values; the command line shows them"},
	{from: "internal/emulator/cloud", to: "internal/emulator", except: []string{"internal/emulator/cloud", "internal/emulator/catalog"},
		why: "the machinery knows no single cloud"},
	{from: "internal/emulator/aws", to: "internal/emulator/gcp", why: "only link compares the clouds"},
	{from: "internal/emulator/aws", to: "internal/emulator/link", why: "only link compares the clouds"},
	{from: "internal/emulator/gcp", to: "internal/emulator/aws", why: "only link compares the clouds"},
	{from: "internal/emulator/gcp", to: "internal/emulator/link", why: "only link compares the clouds"},
	{from: "internal/emulator/provider", to: "internal/emulator/aws", why: "the protocol is the same for every cloud"},
	{from: "internal/emulator/provider", to: "internal/emulator/gcp", why: "the protocol is the same for every cloud"},
	{from: "internal/emulator", to: "internal/engine", why: "a cloud does not know who uses it"},
	{from: "internal/emulator", to: "components", why: "an emulated cloud that knew our components would agree with their mistakes"},
	{from: "internal/emulator", to: "stacks", why: "an emulated cloud that knew our program would agree with its mistakes"},
	{from: "internal/emulator", to: "internal/plan", why: "an emulated cloud that knew our plan would agree with its mistakes"},
	{from: "internal/emulator", to: "internal/regionfile",
		why: "an emulated cloud that knew our region files would agree with their mistakes"},

	// Queries and values.
	{from: "internal/clouds", to: "internal/session", why: "a lower package never imports a higher one"},
	{from: "internal/clouds", to: "internal/engine", why: "a query does not depend on the operations that use its answer"},
	{from: "internal/inventory", to: "internal/engine", why: "the engine receives what a stack owns as a value"},
	{from: "internal/inventory", to: "internal/clouds", why: "code that decides is pure"},
	{from: "internal/inventory", to: "github.com/aws", why: "code that decides is pure"},
	{from: "internal/inventory", to: "github.com/pulumi", why: "code that decides is pure"},
	{from: "internal/restype", to: "internal", except: []string{"internal/restype"},
		why: "the table of resource types is data that every package can read"},
	{from: "internal/restype", to: "github.com/pulumi", why: "the table of resource types is data that every package can read"},
	{from: "internal/check", to: "internal", except: []string{"internal/check"},
		why: "every package that checks something returns check's result"},
	{from: "internal/check", to: "node", why: "every package that checks something returns check's result"},
	{from: "internal/report", to: "internal", except: []string{"internal/report", "internal/check"},
		why: "a report shows values that it receives"},
	{from: "internal/verify", to: "github.com/pulumi", why: "verification receives the state as a value"},
	{from: "internal/verify", to: "internal/engine", why: "verification receives the state as a value"},

	// Clients of the clouds.
	{from: "*", to: "github.com/aws/aws-sdk-go-v2/service", except: []string{"internal/clouds", "node/aws", "tests"}, direct: true,
		why: "only internal/clouds and the agent's node/aws call AWS"},
	{from: "*", to: "golang.org/x/oauth2", except: []string{"internal/clouds"}, direct: true, why: "only internal/clouds calls GCP"},

	// Code that decides is pure.
	{from: "internal/plan", to: "os", direct: true, why: "a plan follows from the region file alone"},
	{from: "internal/plan", to: "net/http", direct: true, why: "a plan follows from the region file alone"},
	{from: "internal/report", to: "os", direct: true, why: "a report shows values that it receives"},
	{from: "node/shardmap", to: "os", direct: true, why: "a slot's shard follows from the map alone"},
	{from: "node/spec", to: "os", direct: true, why: "a machine's description follows from the plan alone"},
}

func TestImportDirection(t *testing.T) {
	all := listPackages(t)
	for _, r := range rules {
		t.Run(r.from+" imports no "+r.to, func(t *testing.T) {
			if !slices.ContainsFunc(all, r.covers) {
				t.Fatalf("no package is below %q; the rule needs the package's new path", r.from)
			}
			if !slices.ContainsFunc(all, r.knowsTarget) {
				t.Fatalf("no package is below %q or imports it; the rule needs the package's new path", r.to)
			}
			for _, p := range all {
				if r.covers(p) {
					r.check(t, p)
				}
			}
		})
	}
}

// covers reports whether the rule forbids imports of this package.
func (r rule) covers(p goPackage) bool {
	exempt := slices.ContainsFunc(r.except, func(one string) bool { return isUnder(p.path, one) && !isUnder(r.from, one) })
	return !exempt && (r.from == "*" || isUnder(p.path, r.from))
}

// knowsTarget reports whether a package is one that the rule forbids to import, or imports one. A rule whose target no package knows
// forbids nothing.
func (r rule) knowsTarget(p goPackage) bool {
	return r.forbids(p.path) || slices.ContainsFunc(p.deps, r.forbids)
}

// forbids reports whether the rule forbids imports of a package.
func (r rule) forbids(imported string) bool {
	if exact, ok := strings.CutSuffix(r.to, "$"); ok {
		return imported == exact
	}
	return isUnder(imported, r.to)
}

func (r rule) check(t *testing.T, p goPackage) {
	t.Helper()
	imports := p.deps
	if r.direct {
		imports = p.imports
	}
	for _, one := range imports {
		forbidden := r.forbids(one) && !slices.ContainsFunc(r.except, func(other string) bool { return isUnder(one, other) })
		if forbidden {
			t.Errorf("%s imports %s: %s", p.path, one, r.why)
		}
	}
}

func TestPackageNames(t *testing.T) {
	for _, p := range listPackages(t) {
		switch path.Base(p.path) {
		case "util", "utils", "common", "helper", "helpers", "misc", "base":
			t.Errorf("%s: name it by what it contains", p.path)
		}
	}
}
