package evict

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Ages are counted in buckets. The first bucket covers the first few minutes. After that each doubling of the age has
// sixteen buckets, so that a bucket covers a sixteenth of the age or less. All files in one bucket count as equally
// old. We refused a list of all files: for ten million files it would take a gigabyte.
const (
	youngest  = 10 * time.Minute
	perDouble = 16
	buckets   = 1 + 23*perDouble // up to 159 years
)

// ageBucket returns the bucket of an age. A time in the future counts as young.
func ageBucket(age time.Duration) int {
	if age <= youngest {
		return 0
	}
	doublings := math.Log2(float64(age) / float64(youngest))
	return min(1+int(doublings*perDouble), buckets-1)
}

// tenantUsage holds how much a tenant stores, by age bucket.
type tenantUsage struct {
	tenant string
	total  int64
	byAge  [buckets]int64
}

// cut describes what a tenant loses: all files in the buckets above bucket, and files of that bucket that add up to
// part.
type cut struct {
	bucket int
	part   int64
}

// planCuts decides what each tenant loses, so that the sum reaches need, or everything is gone. First, tenants above
// their share lose files until they are down to it. If that is not enough, all tenants lose files. In both rounds the
// oldest files go first, whichever tenant owns them.
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

// layer is one age bucket of one tenant.
type layer struct {
	tally  *tenantUsage
	bucket int
}

// sortLayers lists all layers that contain files, oldest first.
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

// addCut adds up to most of a layer to the tenant's cut, and returns the amount that it added. Layers come oldest
// first, so that a tenant loses younger files only after all of its older ones.
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
