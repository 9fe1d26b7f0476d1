package regionfile

import (
	"regexp"
	"strconv"
	"unicode/utf8"
)

// keyPath is the path of a key as problems print it: network.cidr, aws.zones[1], runners["a b"].
type keyPath string

var plainKeyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// child is the place of a key in the mapping at p. A name with other characters than a plain key's is quoted, so that a
// path stays on one line and can be split again.
func (p keyPath) child(name string) keyPath {
	if !plainKeyPattern.MatchString(name) {
		return p + keyPath("["+quoteValue(name)+"]")
	}
	if p == "" {
		return keyPath(name)
	}
	return p + "." + keyPath(name)
}

// item is the place of the i-th item, from 0, of the list at p.
func (p keyPath) item(i int) keyPath { return p + keyPath("["+strconv.Itoa(i)+"]") }

// parentPath is the place that holds p; the parent of a top-level key is the empty place. It reads from the front, since a
// quoted key may hold dots and brackets of its own.
func (p keyPath) parentPath() keyPath {
	last := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '.', '[':
			last = i
		case '"':
			for i++; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '\\' {
					i++
				}
			}
		}
	}
	return p[:last]
}

// longestQuote bounds how much of a value a message repeats, in bytes.
const longestQuote = 60

// quoteValue prints a value of the file on one line, cut when it is long.
func quoteValue(s string) string {
	if len(s) <= longestQuote {
		return strconv.Quote(s)
	}
	end := longestQuote
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end] + "…")
}
