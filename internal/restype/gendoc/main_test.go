package main

import (
	"os"
	"strings"
	"testing"
)

func TestPageIsFresh(t *testing.T) {
	text, err := os.ReadFile("../" + page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := insertTable(text)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Error("docs/getting-started.md is stale: run go generate ./internal/restype")
	}
}

func TestTable(t *testing.T) {
	table := permissionTable()
	for _, want := range []string{
		"| `autoscaling` | `DescribeAutoScalingGroups`, `DescribePolicies` |\n", "| `s3` | `GetBucketTagging`, `ListAllMyBuckets` |\n",
		"`compute.securityPolicies.get`",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if lines := strings.Count(table, "\n"); lines != 14 {
		t.Errorf("%d lines, want a heading, 11 services and GCP:\n%s", lines, table)
	}
}

func TestPageWithoutMarks(t *testing.T) {
	for _, text := range []string{"", begin, end, end + begin} {
		if got, err := insertTable([]byte(text)); err == nil {
			t.Errorf("%q became %q, want an error", text, got)
		}
	}
	if got, err := insertTable([]byte("before\n" + begin + "old\n" + end + "after\n")); err != nil ||
		string(got) != "before\n"+begin+permissionTable()+end+"after\n" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWritePage(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.MkdirAll("docs", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("internal/restype", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir("internal/restype")
	if err := writePage(); err == nil || !strings.Contains(err.Error(), "go generate") {
		t.Errorf("without a page: %v, want the command", err)
	}
	for before, want := range map[string]string{"no marks\n": "", begin + end: begin + permissionTable() + end} {
		if err := os.WriteFile(page, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writePage(); (err == nil) != (want != "") {
			t.Errorf("%q: %v", before, err)
		}
		after, err := os.ReadFile(page)
		if want == "" {
			want = before
		}
		if err != nil || string(after) != want {
			t.Errorf("%q became %q (%v), want %q", before, after, err, want)
		}
	}
}
