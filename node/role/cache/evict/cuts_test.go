package evict

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAgeBucket(t *testing.T) {
	for age, want := range map[time.Duration]int{
		-time.Hour: 0, 0: 0, youngest: 0, youngest + 1: 1, 2 * youngest: 1 + perDouble, 4 * youngest: 1 + 2*perDouble, 1<<63 - 1: buckets - 1,
	} {
		if got := ageBucket(age); got != want {
			t.Errorf("%v is in %d, want %d", age, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64Range(int64(youngest), int64(100*365*24*time.Hour)).Draw(t, "age"))
		if older := age + age/10; ageBucket(older) <= ageBucket(age) {
			t.Fatalf("%v and %v count as equally old", age, older)
		}
	})
}

// lost returns how much a cut removes from a tenant.
func lost(t *tenantUsage, c cut, loses bool) int64 {
	if !loses {
		return 0
	}
	sum := c.part
	for b := c.bucket + 1; b < buckets; b++ {
		sum += t.byAge[b]
	}
	return sum
}

func TestPlanCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tallies []*tenantUsage
		var total int64
		for i := range rapid.IntRange(1, 6).Draw(t, "tenants") {
			one := &tenantUsage{tenant: fmt.Sprint("tenant", i)}
			for range rapid.IntRange(0, 8).Draw(t, "layers") {
				amount := rapid.Int64Range(1, 1000).Draw(t, "amount")
				one.byAge[rapid.IntRange(0, buckets-1).Draw(t, "bucket")] += amount
				one.total += amount
			}
			total += one.total
			tallies = append(tallies, one)
		}
		need := rapid.Int64Range(0, total+10).Draw(t, "need")
		share := rapid.Int64Range(0, total+10).Draw(t, "share")
		cuts := planCuts(tallies, need, share)

		var sum int64
		pays, above := false, false
		for _, one := range tallies {
			c, loses := cuts[one.tenant]
			gone := lost(one, c, loses)
			sum += gone
			if loses && (c.part < 1 || c.part > one.byAge[c.bucket]) {
				t.Fatalf("%s loses %d of the %d in bucket %d", one.tenant, c.part, one.byAge[c.bucket], c.bucket)
			}
			pays = pays || gone > max(one.total-share, 0)
			above = above || one.total-gone > share
		}
		if sum != min(need, total) {
			t.Fatalf("%d go of %d, and %d are needed", sum, total, need)
		}
		if pays && above {
			t.Fatalf("a tenant pays more than it has above its share while another one is above: %v", cuts)
		}
	})
}

// When shares do not matter, the oldest files go first, whichever tenant owns them.
func TestOldestFirst(t *testing.T) {
	a, b := &tenantUsage{tenant: "a", total: 30}, &tenantUsage{tenant: "b", total: 30}
	a.byAge[100], a.byAge[50], a.byAge[10] = 10, 10, 10
	b.byAge[90], b.byAge[60], b.byAge[20] = 10, 10, 10
	cuts := planCuts([]*tenantUsage{a, b}, 35, 1000)
	if want := (cut{50, 5}); cuts["a"] != want {
		t.Errorf("a loses %v, want %v", cuts["a"], want)
	}
	if want := (cut{60, 10}); cuts["b"] != want {
		t.Errorf("b loses %v, want %v", cuts["b"], want)
	}
	// A tenant above its share loses files first, although the other's files are older.
	cuts = planCuts([]*tenantUsage{a, b}, 5, 25)
	if want := (cut{100, 5}); len(cuts) != 1 || cuts["a"] != want {
		t.Errorf("%v go of two that are above their share, want a's %v", cuts, want)
	}
	b.total = 20
	b.byAge[20] = 0
	if cuts = planCuts([]*tenantUsage{a, b}, 5, 25); len(cuts) != 1 || cuts["a"] != (cut{100, 5}) {
		t.Errorf("%v go, want the oldest of the one above its share", cuts)
	}
	b.byAge[300], b.total = 1, 21
	if cuts = planCuts([]*tenantUsage{a, b}, 5, 25); len(cuts) != 1 {
		t.Errorf("%v go, and b, whose file is the oldest, has no more than its share", cuts)
	}
}

// A cut that is reached exactly takes no file more.
func TestSelectFileEndsAtTheCut(t *testing.T) {
	c := &cut{bucket: 3, part: 10}
	for i, step := range []struct {
		bucket int
		amount int64
		want   bool
	}{{2, 1, false}, {4, 100, true}, {3, 4, true}, {3, 6, true}, {3, 1, false}, {4, 1, true}} {
		if got := c.selectFile(step.bucket, step.amount); got != step.want {
			t.Errorf("file %d of bucket %d: selected %t, want %t", i, step.bucket, got, step.want)
		}
	}
}
