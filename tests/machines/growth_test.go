//go:build machines

package machines

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/shardmap"
	"github.com/beachhead-build/beachhead/tests/machines/lab"
)

// A cache of one shard gets a second one while a runner reads the files of all tenants, over and over. There is no moment in which one of
// them cannot be read, and in the end every tenant is where the new map says, byte for byte, and is pushed there.
func TestGrowth(t *testing.T) {
	t.Parallel()
	l := lab.New(t, "testdata/lab.yaml")
	fleet := l.Plan.Fleets[0]
	l.DiskGiB, l.MemoryMiB = fleet.DiskGiB, 768 // the runner's engine has two daemons
	g := newGrowth(l)
	first, second := l.Plan.Cache.Shards[0], l.Plan.Cache.Shards[1]
	l.CreateShard(first, 2)
	l.CreateShard(second, 2)
	old := l.LaunchServer(first)
	g.runner = l.LaunchRunner(fleet, l.Plan.Network.Zones[0].Name)
	g.WaitInService(old)
	g.WaitInService(g.runner)
	g.pushFiles()
	g.startReader()

	// The map comes first and the server a boot later, which is the order that is harder on readers: the new place is theirs and nobody is
	// there.
	l.Parameters.SetValue(second.MovedParameter, "{}")
	g.setMap(2)
	made := l.LaunchServer(second)
	l.WaitFor(2*time.Minute, "runner has the new map", func() error {
		_, err := g.runner.TryCommand(20*time.Second, `grep -q '"version":2,' /run/beachhead/map.json`)
		return err
	})
	g.waitRounds(1)
	g.WaitInService(made)
	l.WaitFor(3*time.Minute, "everything acknowledged", func() error { return g.checkAcknowledged(second, len(g.moves)) })
	g.checkSlotOrder(second)
	g.waitMoved()
	g.waitRounds(1)
	g.pushAgain(old, made)
	g.checkReader()
}

// growth is a cache that grows, with the runner that reads it.
type growth struct {
	*lab.Lab
	runner *lab.Machine
	// tenants by the shard that they are on in the end. All begin on shard 0.
	tenants [2][]string
	moves   []shardmap.Move
}

// newGrowth puts the map of one shard into Parameter Store, and chooses tenants: three that move, each in a slot of its own, and two that
// stay.
func newGrowth(l *lab.Lab) *growth {
	l.T.Helper()
	l.AcceptAnyMachine()
	g := &growth{Lab: l}
	g.moves = shardmap.MovesBetween(g.setMap(1), l.Plan.Cache.Map)
	slots := map[int]bool{}
	for number, missing := 0, [2]int{2, 3}; missing != [2]int{}; number++ {
		tenant := fmt.Sprintf("team-%d", number)
		shard := l.Plan.Cache.Map.TenantShard(tenant)
		if slot := shardmap.TenantSlot(tenant); missing[shard] > 0 && !slots[slot] {
			slots[slot] = true
			missing[shard]--
			g.tenants[shard] = append(g.tenants[shard], tenant)
		}
	}
	return g
}

// setMap writes the map of so many shards, with the addresses that the plan gives them.
func (g *growth) setMap(shards int) shardmap.Table {
	g.T.Helper()
	table, err := shardmap.New(shards, nil)
	g.Must(err)
	var blocks []netip.Prefix
	for _, r := range g.Plan.Cache.Reserved {
		blocks = append(blocks, r.Block)
	}
	table = table.WithBlocks(blocks...)
	document, err := table.MarshalDocument()
	g.Must(err)
	g.Parameters.SetValue(g.Plan.Cache.MapParameter, string(document))
	return table
}

// pushFiles makes each tenant's files on the runner and pushes them: an empty one, a large one and many small ones. Whether readers look at
// the old place first while the new one has a part is not shown by this: a shard that did not answer is not asked for 30 s, and copying is
// done by then. The model in node/cacheclient shows it.
func (g *growth) pushFiles() {
	g.T.Helper()
	for _, tenant := range slices.Concat(g.tenants[:]...) {
		said := g.runner.RunCommand(`set -e
			mkdir -p /var/tmp/` + tenant + `/sstate/ab; cd /var/tmp/` + tenant + `
			head -c 400000 /dev/urandom | split -b 5000 - sstate/ab/
			head -c 1000000 /dev/urandom >large; : >empty
			find . -type f | sort | xargs sha256sum >../` + tenant + `.sums
			beachhead-node cache push ` + tenant + ` . 2>&1`)
		if !strings.Contains(said, "pushed 82 files") || !strings.Contains(said, "to shard 0") {
			g.T.Errorf("pushing %s: %s", tenant, said)
		}
	}
}

// growthReader reads all files of all tenants by `cache path`, again and again. Beside that it goes on with the folder that it got for each
// tenant at the beginning, as a build does that runs for hours. What it cannot read, or finds different, is a line in failures.
const growthReader = `cd /var/tmp
for tenant in %[1]s; do beachhead-node cache path $tenant >$tenant.began; done
check() {
	why=$(cd "$2" && sha256sum --check --quiet /var/tmp/$1.sums 2>&1) || echo "$(date +%%T) $1 in $2: $why" >>failures
}
while :; do
	for tenant in %[1]s; do
		at=$(beachhead-node cache path $tenant)
		check $tenant "$at"
		check $tenant "$(cat $tenant.began)"
		echo "$tenant $at" >>paths
	done
	echo round >>paths
done
`

func (g *growth) startReader() {
	g.T.Helper()
	script := fmt.Sprintf(growthReader, strings.Join(slices.Concat(g.tenants[:]...), " "))
	g.runner.RunCommand("cd /var/tmp; : >failures; : >paths; cat >reader <<'END'\n" + script +
		"END\nsystemd-run --quiet --unit=reader sh /var/tmp/reader")
	g.waitRounds(1)
}

// waitRounds waits until the reader has begun and ended so many more rounds.
func (g *growth) waitRounds(more int) {
	g.T.Helper()
	count := func() (n int, err error) {
		out, err := g.runner.TryCommand(20*time.Second, "grep -c round /var/tmp/paths; cat /var/tmp/failures")
		if err != nil {
			return 0, err
		}
		if number, failures, some := strings.Cut(out, "\n"); some {
			g.T.Fatalf("after %s rounds the reader failed:\n%s", number, failures)
		}
		_, err = fmt.Sscan(out, &n)
		return n, err
	}
	before := -1
	// One that is under way may have begun with what was before.
	g.WaitFor(5*time.Minute, fmt.Sprint(more, " rounds of reading"), func() error {
		now, err := count()
		if err == nil && before < 0 {
			before = now
		}
		if err == nil && now <= before+more {
			err = fmt.Errorf("%d rounds, and %d at the beginning", now, before)
		}
		return err
	})
}

// checkAcknowledged is an error unless the shard has acknowledged so many moves.
func (g *growth) checkAcknowledged(s plan.Shard, want int) error {
	var a cacheclient.Acknowledgement
	if err := json.Unmarshal([]byte(g.Parameters.GetValue(s.MovedParameter)), &a); err != nil {
		return err
	}
	if len(a.Slots) != want {
		return fmt.Errorf("%d slots of %d are acknowledged", len(a.Slots), want)
	}
	return nil
}

// checkSlotOrder looks at all that was acknowledged, in its order: what nothing is in at once, and then each slot that has a tenant by
// itself.
func (g *growth) checkSlotOrder(s plan.Shard) {
	g.T.Helper()
	var steps []int
	for _, text := range g.Parameters.VersionsOf(s.MovedParameter) {
		var a cacheclient.Acknowledgement
		g.Must(json.Unmarshal([]byte(text), &a))
		steps = append(steps, len(a.Slots))
	}
	all := len(g.moves)
	if want := []int{0, all - 3, all - 2, all - 1, all}; !slices.Equal(slices.Compact(steps), want) {
		g.T.Errorf("%v slots were acknowledged, want %v", steps, want)
	}
}

// waitMoved waits until readers are where the new map says, and compares what they find there.
func (g *growth) waitMoved() {
	g.T.Helper()
	for shard, tenants := range g.tenants {
		for _, tenant := range tenants {
			want := fmt.Sprintf("/run/beachhead/shards/%02d/%s", shard, cacheclient.TenantFolder(tenant))
			// The map is at most 30 s old, and the new shard was given up for 30 s each time that it did not answer.
			g.WaitFor(2*time.Minute, tenant+" read from shard "+fmt.Sprint(shard), func() error {
				at, err := g.runner.TryCommand(30*time.Second, "beachhead-node cache path "+tenant)
				if err == nil && at != want {
					err = fmt.Errorf("it is %s, want %s", at, want)
				}
				return err
			})
			g.runner.RunCommand("cd " + want + " && find . -type f | sort | xargs sha256sum | diff /var/tmp/" + tenant + ".sums -")
		}
	}
}

// pushAgain pushes one more file of each tenant, which goes to its new shard and to no other, and is read from there at once.
func (g *growth) pushAgain(servers ...*lab.Machine) {
	g.T.Helper()
	for shard, tenants := range g.tenants {
		tenant := tenants[0]
		said := g.runner.RunCommand("mkdir /var/tmp/more; date +%N >/var/tmp/more/late-" + tenant + "; beachhead-node cache push " + tenant +
			" /var/tmp/more 2>&1; rm -r /var/tmp/more")
		if !strings.Contains(said, fmt.Sprintf("to shard %d", shard)) {
			g.T.Errorf("pushing %s: %s", tenant, said)
		}
		g.runner.RunCommand("cat $(beachhead-node cache path " + tenant + ")/late-" + tenant)
		for number, server := range servers {
			found := server.RunCommand("find /srv/cache/slots -name 'late-" + tenant + "' -user 2049")
			if want := number == shard; want != (found != "") {
				g.T.Errorf("shard %d has %q of what was pushed to shard %d", number, found, shard)
			}
		}
	}
}

// checkReader ends the reading, and looks at what it found from the beginning to the end.
func (g *growth) checkReader() {
	g.T.Helper()
	paths := g.runner.RunCommand("systemctl stop reader; cat /var/tmp/paths")
	if failures := g.runner.RunCommand("cat /var/tmp/failures"); failures != "" {
		g.T.Errorf("the reader failed:\n%s", failures)
	}
	for shard, tenants := range g.tenants {
		for _, tenant := range tenants {
			from := [2]int{strings.Count(paths, tenant+" /run/beachhead/shards/00/"), strings.Count(paths, tenant+" /run/beachhead/shards/01/")}
			g.T.Logf("%s was read %d times from shard 0 and %d times from shard 1", tenant, from[0], from[1])
			if from[0] == 0 || (from[1] > 0) != (shard == 1) {
				g.T.Errorf("%s is on shard %d in the end", tenant, shard)
			}
		}
	}
}
