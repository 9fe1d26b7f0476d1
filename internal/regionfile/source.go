package regionfile

// sourceMap is what is known of a config's file beside its values.
type sourceMap struct {
	file   string
	lines  map[keyPath]int  // where each key and item that the file sets stands
	broken map[keyPath]bool // what the decoder has complained of: its value means nothing
}

// isSet says whether the file itself sets the key.
func (s sourceMap) isSet(p keyPath) bool { return s.lines[p] > 0 }

// lineOf gives the line of a key; one that the file leaves out takes the line of its nearest parent.
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

// isIntact says whether a value can be judged: neither it nor what holds it nor anything in it is broken.
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
