package cache

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A holder that is alive, or whose end is not certain, is never fenced, whatever else holds. A claim is done only when
// EC2 reports it.
func TestDecideStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := attachment{
			holder: rapid.SampledFrom([]string{"", "i-me", "i-other"}).Draw(t, "holder"),
			state:  rapid.SampledFrom([]string{"", "attaching", "attached", "detaching", "busy"}).Draw(t, "state"),
		}
		states := []string{"", "pending", "running", "shutting-down", "stopping", "stopped", "terminated", "new"}
		state := rapid.SampledFrom(states).Draw(t, "machine")
		dying := time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second
		switch decideStep(a, "i-me", state, dying) {
		case stepDone:
			if a.holder != "i-me" || a.state != "attached" {
				t.Fatalf("%+v is ours", a)
			}
		case stepAttach:
			if a.holder != "" {
				t.Fatalf("%+v is taken", a)
			}
		case stepFence:
			certain := state == "terminated" || state == "stopped"
			if a.holder != "i-other" || isAlive(state) || state == "new" || (!certain && dying < fenceDelay) {
				t.Fatalf("%+v is taken by force, from a machine that is %q for %v", a, state, dying)
			}
		case stepWait:
			if a.holder == "" || (a.holder == "i-me" && a.state == "attached") || (a.holder == "i-other" && state == "terminated") {
				t.Fatalf("%+v is waited for, of a machine that is %q", a, state)
			}
		}
	})
}

// All servers see the volume free: one gets it, and the others report its holder. When that one terminates, another one
// gets the volume.
func TestOneServerWins(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		l.pause = 100 * time.Millisecond // so that all of them have seen it free before one attaches it
		var all []*machine
		for _, id := range []string{"i-1", "i-2", "i-3", "i-4"} {
			all = append(all, l.start(id))
		}
		race := func() (winner *machine, losers []error) {
			ended := make(chan error)
			winners := make(chan *machine, len(all))
			for _, m := range all {
				go func() {
					err := m.role.claimResource(context.Background(), m.id, m.role.volumeResource("vol-0123456789abcdef0"))
					if err == nil {
						winners <- m
					}
					ended <- err
				}()
			}
			for range all {
				if err := <-ended; err != nil {
					losers = append(losers, err)
				}
			}
			if len(winners) != 1 {
				t.Fatalf("%d servers have the volume", len(winners))
			}
			return <-winners, losers
		}
		first, losers := race()
		if l.conflicts == 0 {
			t.Error("nobody raced: EC2 refused no call")
		}
		for _, err := range losers {
			if !strings.Contains(err.Error(), first.id) || !strings.Contains(err.Error(), "terminate-instances --instance-ids "+first.id) {
				t.Errorf("%v; want who has it and what to do", err)
			}
		}
		if l.attached != 1 || len(l.fences) > 0 {
			t.Errorf("attached %d times, fenced %v", l.attached, l.fences)
		}
		l.states[first.id] = "terminated"
		for i, m := range all {
			if m == first {
				all = append(all[:i], all[i+1:]...)
				break
			}
		}
		second, _ := race()
		if second == first || l.attached != 2 {
			t.Errorf("%s has it after %s went; attached %d times", second.id, first.id, l.attached)
		}
		for _, fenced := range l.fences {
			if fenced != first.id {
				t.Errorf("%s was fenced", fenced)
			}
		}
	})
}

// A claim ends with its context, and reports why it waited.
func TestClaimStops(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		l.volume, l.states["i-9"] = holding{holder: "i-9", state: "attached"}, "running"
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		err := m.role.claimResource(ctx, m.id, m.role.volumeResource("vol-0123456789abcdef0"))
		if err == nil || !strings.Contains(err.Error(), "i-9") || time.Since(begin) > 6*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		synctest.Wait()
	})
}
