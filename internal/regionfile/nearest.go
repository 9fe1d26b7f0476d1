package regionfile

import "strings"

// suggestName finds the candidate that was probably meant: one that differs in case only, or by at most two edits and less
// than half of its letters. It gives "" when nothing is that near.
func suggestName(name string, candidates []string) string {
	if len(name) > longestQuote {
		return "" // nobody mistypes that much; and the distance costs the square of the length
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

// editDistance counts the insertions, deletions, replacements and swaps of neighbours between two words (Damerau's distance in
// its restricted form, over bytes).
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
