package restype_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// goldenTypes returns every type of a cloud that the golden registrations have.
func goldenTypes(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../stacks/testdata/*/registrations.txt")
	if err != nil || len(files) < 2 {
		t.Fatalf("golden registrations %v: %v", files, err)
	}
	types := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			token, _, _ := strings.Cut(line, " ")
			if strings.HasPrefix(token, "aws:") || strings.HasPrefix(token, "gcp:") {
				types[token] = true
			}
		}
	}
	return types
}

// componentCode returns the code of all components.
func componentCode(t *testing.T) string {
	t.Helper()
	var code strings.Builder
	if err := filepath.WalkDir("../../components", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return code.String()
}

func TestEveryTypeOfTheGoldenRegistrationsHasARow(t *testing.T) {
	for token := range goldenTypes(t) {
		if restype.Lookup(token).Token != token {
			t.Errorf("%s has no row: add one to table.go", token)
		}
	}
}

// A component creates every type that has a row, be it in a mode that no golden region uses.
func TestEveryRowIsUsed(t *testing.T) {
	golden, code := goldenTypes(t), componentCode(t)
	for _, row := range restype.All() {
		name := row.Token[strings.LastIndex(row.Token, ":")+1:]
		if !golden[row.Token] && !regexp.MustCompile(`\.New`+name+`\b`).MatchString(code) {
			t.Errorf("no component creates a %s: remove its row", row.Token)
		}
	}
}

// A type or an input that does not exist would match nothing, for ever.
func TestRowsAgreeWithTheProvidersSchemas(t *testing.T) {
	tables := map[string]*catalog.Table{}
	for _, platform := range []string{"aws", "gcp"} {
		table, err := catalog.Load(platform)
		if err != nil {
			t.Fatal(err)
		}
		tables[platform] = table
	}
	for _, row := range restype.All() {
		platform, _, _ := strings.Cut(row.Token, ":")
		schema := tables[platform].Resources[row.Token]
		if schema == nil {
			t.Errorf("the provider has no %s", row.Token)
			continue
		}
		for _, input := range append(slices.Clone(row.Identity), row.GrowsOnly, row.PlacedBy) {
			if _, exists := schema.Inputs[input]; input != "" && !exists {
				t.Errorf("%s has no input %s", row.Token, input)
			}
		}
		if _, takesTags := schema.Inputs["tags"]; takesTags != row.Tagged && row.Token != restype.BucketObject {
			t.Errorf("%s: tagged %t, but it takes tags: %t", row.Token, row.Tagged, takesTags)
		}
		if row.PlacedBy != "" && !schema.Inputs[row.PlacedBy].CreateOnly {
			t.Errorf("%s: %s can be changed later, so it does not fix a place", row.Token, row.PlacedBy)
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	tokens, prefixes := map[string]bool{}, map[string]string{}
	for _, row := range restype.All() {
		if row.Tagged == (len(row.Identity) > 0) {
			t.Errorf("%s: tagged %t and identity %v, want one of them", row.Token, row.Tagged, row.Identity)
		}
		if (len(row.Permissions) > 0) == (row.NotSearched != "") {
			t.Errorf("%s: permissions %v and the reason %q, want one of them", row.Token, row.Permissions, row.NotSearched)
		}
		if (row.GrowsOnly == "") != (row.GrowAdvice == "") {
			t.Errorf("%s grows only in %q, with the advice %q", row.Token, row.GrowsOnly, row.GrowAdvice)
		}
		if other := prefixes[row.IDPrefix]; row.IDPrefix != "" && other != "" {
			t.Errorf("%s and %s have the id prefix %s", row.Token, other, row.IDPrefix)
		}
		tokens[row.Token], prefixes[row.IDPrefix] = true, row.Token
	}
	if got := slices.Sorted(maps.Keys(tokens)); len(got) != restype.RowCount {
		t.Errorf("%d types in %d rows: a token occurs twice", len(got), restype.RowCount)
	}
}

func TestFromID(t *testing.T) {
	for id, want := range map[string]string{
		"vpc-0a1": restype.VPC, "vpce-0a1": restype.VPCEndpoint, "vpn-1": restype.VPNConnection, "eipalloc-1": restype.EIP, "vol-1": "",
		"sgr-1": "",
		"i-1":   "", "": "", "-": "",
	} {
		if got, known := restype.FromID(id); got != want || known != (want != "") {
			t.Errorf("%q is a %q (%t), want %q", id, got, known, want)
		}
	}
}

func TestPermissions(t *testing.T) {
	all := restype.SearchPermissions()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("not sorted, or with repetitions: %q", all)
	}
	for _, want := range []string{"ec2:DescribeTags", "s3:ListAllMyBuckets", "compute.securityPolicies.get"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func ExampleLookup() {
	volume := restype.Lookup(restype.Volume)
	fmt.Println(volume.Tagged, volume.IsPermanent(), volume.GrowsOnly, volume.PlacedBy)
	// Output: true true size availabilityZone
}
