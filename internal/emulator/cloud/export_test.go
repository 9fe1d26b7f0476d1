package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Dump writes a state down, with all its indexes.
func Dump(t interface{ Fatal(...any) }, s *State) string {
	users := map[string][]string{}
	for to, list := range s.users {
		for from, rule := range list {
			users[fmt.Sprint(to)] = append(users[fmt.Sprint(to)], fmt.Sprint(from, rule.Path, rule.OnDelete))
		}
		slices.Sort(users[fmt.Sprint(to)])
	}
	raw, err := json.MarshalIndent([]any{s.allRecords(), users, len(s.links), s.ids, s.addresses}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// StateOf returns the state that a cloud has in memory.
func StateOf(c *Cloud) *State { return c.state }

// SeqOf returns the number of a cloud's last operation.
func SeqOf(c *Cloud) int { return c.seq }

// SetFaults replaces the faults of an open cloud.
func SetFaults(c *Cloud, list []Fault) { c.faults = newFaultSet(list) }

// DelayOf returns the model seconds that a request loses to faults before it goes through, or fails.
func DelayOf(list []Fault, q *Request) (float64, error) {
	d, err := newFaultSet(list).delayOf(q)
	return d.seconds, err
}

// WaitSeconds waits as an operation does.
func WaitSeconds(ctx context.Context, c *Cloud, asked time.Time, seconds float64) {
	c.waitSeconds(ctx, asked, seconds)
}
