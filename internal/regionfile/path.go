package regionfile

import (
	"regexp"
	"strconv"
	"unicode/utf8"
)

// place is the path of a key as problems print it: network.cidr, aws.zones[1], runners["a b"].
type place string

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// key is the place of a key in the mapping at p. A name with other characters than a plain key's is quoted, so that a
// path stays on one line and can be split again.
func (p place) key(name string) place {
	if !plainKey.MatchString(name) {
		return p + place("["+quote(name)+"]")
	}
	if p == "" {
		return place(name)
	}
	return p + "." + place(name)
}

// at is the place of the i-th item, from 0, of the list at p.
func (p place) at(i int) place { return p + place("["+strconv.Itoa(i)+"]") }

// parent is the place that holds p; the parent of a top-level key is the empty place. It reads from the front, since a
// quoted key may hold dots and brackets of its own.
func (p place) parent() place {
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

// quote prints a value of the file on one line, cut when it is long.
func quote(s string) string {
	if len(s) <= longestQuote {
		return strconv.Quote(s)
	}
	end := longestQuote
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end] + "…")
}
