package ec2types

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// region is what one region offers.
type region struct {
	letters string            // the zones' letters, sorted
	offers  map[string]string // instance type → letters of the zones that offer it
}

// forEachRow calls row with the fields of each line of a table, without comments and header.
func forEachRow(table string, row func(fields []string)) {
	header := true
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if header {
			header = false
			continue
		}
		row(strings.Split(line, "\t"))
	}
}

func parseInstances(table string) map[string]Type {
	all := make(map[string]Type, strings.Count(table, "\n"))
	forEachRow(table, func(f []string) {
		all[f[0]] = Type{
			Name: f[0], Arch: f[1],
			VCPU: parseInt(f[2]), MemoryMiB: parseInt(f[3]),
			EBSBaseMbps: parseInt(f[4]), EBSMaxMbps: parseInt(f[5]), EBSMaxIOPS: parseInt(f[6]),
			NetBaseGbps: parseFloat(f[7]), NetPeakGbps: parseFloat(f[8]),
			StoreGB: parseInt(f[9]),
			Current: f[12] == "yes", Metal: f[13] == "yes",
		}
	})
	return all
}

func parseOfferings(table string) map[string]region {
	all := map[string]region{}
	forEachRow(table, func(f []string) {
		r, ok := all[f[0]]
		if !ok {
			r.offers = make(map[string]string, 1024)
		}
		r.letters = mergeLetters(r.letters, f[1])
		for name := range strings.SplitSeq(f[2], " ") {
			r.offers[name] = mergeLetters(r.offers[name], f[1])
		}
		all[f[0]] = r
	})
	return all
}

// mergeLetters merges two strings of zone letters and sorts the result.
func mergeLetters(a, b string) string {
	if a == "" || a == b {
		return b
	}
	letters := []byte(a + b)
	slices.Sort(letters)
	return string(slices.Compact(letters))
}

// parseInt and parseFloat panic on invalid numbers. The tables are compiled in, and the tests read every row.
func parseInt(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(fmt.Sprintf("instances.tsv: %v", err))
	}
	return n
}

func parseFloat(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(fmt.Sprintf("instances.tsv: %v", err))
	}
	return n
}
