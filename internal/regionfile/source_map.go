package regionfile

// sourceMap connects the values of a config to its file.
type sourceMap struct {
	file   string
	lines  map[keyPath]int  // the line of each key and item that the file sets
	broken map[keyPath]bool // keys that the decoder has reported: their values are meaningless
}

// isSet reports whether the file itself sets the key.
func (s sourceMap) isSet(p keyPath) bool { return s.lines[p] > 0 }

// lineOf returns the line of a key, or the line of its nearest parent if the file does not set the key.
func (s sourceMap) lineOf(p keyPath) int {
	for {
		if n := s.lines[p]; n > 0 {
			return n
		}
		if p == "" {
			return 0
		}
		p = p.parentPath()
	}
}

// isIntact reports whether rules can check the value at p: the decoder has not reported p, a parent of p or a key in p.
func (s sourceMap) isIntact(p keyPath) bool {
	for up := p; ; up = up.parentPath() {
		if s.broken[up] {
			return false
		}
		if up == "" {
			break
		}
	}
	for b := range s.broken {
		for up := b; up != ""; up = up.parentPath() {
			if up == p {
				return false
			}
		}
	}
	return true
}
