package regionfile

import (
	"net/netip"
	"slices"
	"strings"
)

// suggestName returns the candidate that the user probably meant, or "". The candidate differs only in case, or by at most
// two edits and less than half of its letters.
func suggestName(name string, candidates []string) string {
	if len(name) > longestQuote {
		return "" // a typing error is never that long, and the cost of the distance grows with the square of the length
	}
	best, least := "", 3
	for _, c := range candidates {
		if strings.EqualFold(name, c) {
			return c
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d < least && 2*d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of adjacent bytes between two words (the restricted
// Damerau-Levenshtein distance).
func editDistance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, row = prev, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// suggestNetwork returns the first network of the given size from 10.0.0.0/16 on, in steps of /16, that overlaps no taken
// network. If it finds none, it returns a description in words.
func suggestNetwork(bits int, taken []netip.Prefix) string {
	for second := range 256 {
		wide := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 0}), 16)
		if !slices.ContainsFunc(taken, wide.Overlaps) {
			return netip.PrefixFrom(wide.Addr(), max(min(bits, 20), 16)).String()
		}
	}
	return "a range inside 172.16.0.0/12"
}
