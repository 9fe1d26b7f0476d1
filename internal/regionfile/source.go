package regionfile

// source is what is known of a config's file beside its values.
type source struct {
	file   string
	lines  map[place]int  // where each key and item that the file sets stands
	broken map[place]bool // what the decoder has complained of: its value means nothing
}

// set says whether the file itself sets the key.
func (s source) set(p place) bool { return s.lines[p] > 0 }

// line gives the line of a key; one that the file leaves out takes the line of its nearest parent.
func (s source) line(p place) int {
	for {
		if n := s.lines[p]; n > 0 {
			return n
		}
		if p == "" {
			return 0
		}
		p = p.parent()
	}
}

// sound says whether a value can be judged: neither it nor what holds it nor anything in it is broken.
func (s source) sound(p place) bool {
	for up := p; ; up = up.parent() {
		if s.broken[up] {
			return false
		}
		if up == "" {
			break
		}
	}
	for b := range s.broken {
		for up := b; up != ""; up = up.parent() {
			if up == p {
				return false
			}
		}
	}
	return true
}
