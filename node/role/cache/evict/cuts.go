package evict

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Ages are counted in buckets: the first one is up to a few minutes, and then each doubling has sixteen, so that a bucket is a sixteenth of the
// age or less. What is in one bucket counts as equally old. A list of all files was refused: of ten million it would take a gigabyte.
const (
	youngest  = 10 * time.Minute
	perDouble = 16
	buckets   = 1 + 23*perDouble // up to 159 years
)

// ageBucket gives that of an age; what is from the future is young.
func ageBucket(age time.Duration) int {
	if age <= youngest {
		return 0
	}
	doublings := math.Log2(float64(age) / float64(youngest))
	return min(1+int(doublings*perDouble), buckets-1)
}

// tenantUsage is what a tenant has, by bucket.
type tenantUsage struct {
	tenant string
	total  int64
	byAge  [buckets]int64
}

// cut is what a tenant loses: everything in the buckets above one, and of that one, files that make up so much.
type cut struct {
	bucket int
	part   int64
}

// planCuts gives what each tenant loses, so that they lose what is needed, or all there is: first, those above the share lose down to it, and when
// that is not enough, everybody loses; each time the oldest go first, whoever's they are.
func planCuts(tallies []*tenantUsage, need, share int64) map[string]cut {
	cuts := map[string]cut{}
	above := map[string]int64{}
	for _, t := range tallies {
		above[t.tenant] = max(t.total-share, 0)
	}
	oldest := sortLayers(tallies)
	for _, o := range oldest {
		need -= o.addCut(cuts, min(need, above[o.tally.tenant]), above)
	}
	for _, o := range oldest {
		need -= o.addCut(cuts, need, above)
	}
	return cuts
}

// layer is one bucket of one tenant.
type layer struct {
	tally  *tenantUsage
	bucket int
}

// sortLayers lists what is there, oldest first.
func sortLayers(tallies []*tenantUsage) []layer {
	var all []layer
	for _, t := range tallies {
		for b, amount := range t.byAge {
			if amount > 0 {
				all = append(all, layer{t, b})
			}
		}
	}
	slices.SortFunc(all, func(a, b layer) int {
		return cmp.Or(cmp.Compare(b.bucket, a.bucket), cmp.Compare(a.tally.tenant, b.tally.tenant))
	})
	return all
}

// addCut adds at most so much of a layer to its tenant's cut, and gives how much that is. Layers come oldest first, so that a younger one is only
// taken from after the older ones are gone.
func (l layer) addCut(cuts map[string]cut, most int64, above map[string]int64) int64 {
	before, begun := cuts[l.tally.tenant]
	left := l.tally.byAge[l.bucket]
	switch {
	case begun && l.bucket > before.bucket:
		left = 0
	case begun && l.bucket == before.bucket:
		left -= before.part
	}
	amount := min(most, left)
	if amount <= 0 {
		return 0
	}
	c := cut{bucket: l.bucket, part: amount}
	if begun && before.bucket == l.bucket {
		c.part += before.part
	}
	cuts[l.tally.tenant] = c
	above[l.tally.tenant] -= amount
	return amount
}
