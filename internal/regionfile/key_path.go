package regionfile

import (
	"regexp"
	"strconv"
	"unicode/utf8"
)

// keyPath is the path of a key as problems print it: network.cidr, aws.zones[1], runners["a b"].
type keyPath string

var plainKeyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// child returns the path of a key in the mapping at p. It quotes names with unusual characters, so a path stays on one line
// and can be split again.
func (p keyPath) child(name string) keyPath {
	if !plainKeyPattern.MatchString(name) {
		return p + keyPath("["+quoteValue(name)+"]")
	}
	if p == "" {
		return keyPath(name)
	}
	return p + "." + keyPath(name)
}

// item returns the path of the i-th item, from 0, of the list at p.
func (p keyPath) item(i int) keyPath { return p + keyPath("["+strconv.Itoa(i)+"]") }

// parentPath returns the path of the mapping or list that contains p. The parent of a top-level key is the empty path. The
// function reads from the front, because a quoted key may contain dots and brackets.
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

// longestQuote is the maximum length of a value in a message, in bytes.
const longestQuote = 60

// quoteValue formats a value of the file on one line and cuts it when it is long.
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
