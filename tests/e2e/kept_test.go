package e2e

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/emulator"
	emulated "github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/inventory"
)

const volumeType = "aws:ebs/volume:Volume"

// taggedInventory finds what the stage's stack owns by the cache's tag, since the stage's provider sets no tags.
type taggedInventory struct{ cloud *emulator.Cloud }

func (i taggedInventory) FindOwned(context.Context, string) ([]inventory.Resource, error) {
	all, err := i.cloud.Resources()
	var owned []inventory.Resource
	for _, r := range all {
		if r.Managed && r.Tags[cache.CacheTag] == "stage" {
			owned = append(owned, inventory.Resource{Type: r.Type, Name: r.Name, ID: r.ID, ImportID: r.ImportID, Inputs: r.Inputs})
		}
	}
	return owned, err
}

// keeper is a stage whose stack finds again what a down kept.
type keeper struct{ *stage }

func newKeeper(t *testing.T) keeper {
	t.Helper()
	return keeper{newStage(t)}
}

// openWith opens the stage's stack with an inventory and further options.
func (k keeper) openWith(program pulumi.RunFunc, edit func(*engine.Options)) (*engine.Stack, error) {
	options := engine.Options{
		Name: "stage", Program: program, Root: k.w.dir, WorkDir: filepath.Join(k.w.dir, "work"), Home: filepath.Join(k.w.dir, "home"),
		Env: k.env, Inventory: taggedInventory{k.cloud},
	}
	edit(&options)
	return engine.Open(k.t.Context(), options)
}

func (k keeper) open(program pulumi.RunFunc) *engine.Stack {
	k.t.Helper()
	stack, err := k.openWith(program, func(*engine.Options) {})
	if err != nil {
		k.t.Fatal(err)
	}
	return stack
}

// up must succeed.
func (k keeper) up(program pulumi.RunFunc) *engine.Changes {
	k.t.Helper()
	c, err := k.open(program).Up(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// volumes gives the ids of all volumes that the program made, sorted.
func (k keeper) volumes() []string {
	k.t.Helper()
	all, err := k.cloud.Resources()
	if err != nil {
		k.t.Fatal(err)
	}
	var ids []string
	for _, r := range all {
		if r.Type == volumeType && r.Managed {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// down must succeed, keep the volumes, say so, and ask the cloud to delete none.
func (k keeper) down(program pulumi.RunFunc) {
	k.t.Helper()
	before, volumes := len(k.operations()), k.volumes()
	c, err := k.open(program).Down(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	if got := idsOf(c.Kept); len(volumes) == 0 || !slices.Equal(got, volumes) || c.Kept[0].Type != volumeType {
		k.t.Errorf("down says that it kept %+v, there were the volumes %v", c.Kept, volumes)
	}
	if i := slices.IndexFunc(c.Steps, func(s engine.Step) bool { return s.Type == volumeType }); i >= 0 {
		k.t.Errorf("down says that it did %s to %s", c.Steps[i].Op, c.Steps[i].Name)
	}
	for _, op := range k.operations()[before:] {
		if op.Type == volumeType {
			k.t.Errorf("down did %s to %s", op.Op, op.ID)
		}
	}
	left, err := k.cloud.Resources()
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range left {
		if r.Managed && r.Type != volumeType {
			k.t.Errorf("left in the cloud: %s %s %s", r.Type, r.ID, r.Name)
		}
	}
	if got := k.volumes(); !slices.Equal(got, volumes) {
		k.t.Errorf("volumes %v after down, %v before", got, volumes)
	}
}

// refuse fails the test unless something is refused in words, without any change in the cloud or the state.
func (k keeper) refuse(what string, try func() (*engine.Changes, error), words ...string) {
	k.t.Helper()
	operations, state := len(k.operations()), k.state()
	_, err := try()
	for _, word := range words {
		if !errors.Is(err, engine.ErrRefused) || !strings.Contains(err.Error(), word) {
			k.t.Errorf("%s: %v, want a refusal with %q", what, err, word)
		}
	}
	if len(k.operations()) != operations || k.state() != state {
		k.t.Errorf("%s: the refused run changed something", what)
	}
}

// state is the stack's state as it is on disk.
func (k keeper) state() string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.w.dir, "state", ".pulumi", "stacks", engine.Project, "stage.json"))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

// guards counts the volumes in the state, and those of them that are protected.
func (k keeper) guards(program pulumi.RunFunc) (volumes, protected int) {
	k.t.Helper()
	all, err := k.open(program).ReadResources(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range all {
		if r.Type == volumeType {
			volumes++
			if r.Protect && r.RetainOnDelete {
				protected++
			}
		}
	}
	return volumes, protected
}

func idsOf(steps []engine.Step) []string {
	var ids []string
	for _, s := range steps {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	return ids
}

// A cache's volumes outlive the region: down keeps them and says so, and the next up takes the same ones up. After a down that failed when
// their protection was off already, an up protects them again and a down goes on.
func TestKeptVolumesOfACache(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	program := cached(func(*cache.Args) {})
	k.up(program)
	volumes := k.volumes()
	if err := emulated.TakeSnapshots(t.Context(), k.cloud, time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}

	k.failDown(program)
	k.up(program)
	if there, protected := k.guards(program); there != 2 || protected != 2 {
		t.Errorf("an up after a down that failed: the state has %d volumes, %d of them protected; want 2 and 2", there, protected)
	}
	k.failDown(program)
	k.down(program)
	if !k.has("aws:ebs/snapshot:Snapshot") {
		t.Error("no snapshot outlived the region")
	}
	state := k.state()
	preview, err := k.open(program).Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(preview.Adopted); !slices.Equal(got, volumes) {
		t.Errorf("a preview would take up %v, want %v", got, volumes)
	}
	if slices.ContainsFunc(preview.Steps, func(s engine.Step) bool { return s.Type == volumeType }) {
		t.Error("a preview would make volumes, which are there")
	}
	if k.state() != state {
		t.Error("a preview wrote the state")
	}
	k.refuse("a kept volume in another zone", func() (*engine.Changes, error) {
		return k.open(cached(func(a *cache.Args) {
			a.Shards[1].Zone, a.Shards[1].Address = "us-west-2a", netip.MustParseAddr("10.42.224.18")
		})).Preview(t.Context())
	}, "cache-shard-01", "us-west-2b", "beachhead:stack")

	c := k.up(program)
	if got := idsOf(c.Adopted); !slices.Equal(got, volumes) || !slices.Equal(k.volumes(), volumes) {
		t.Errorf("up took up %v and there are %v, want %v", got, k.volumes(), volumes)
	}
	for _, step := range c.Steps {
		// That is the provider's own, and no call to the cloud tells it.
		if step.Type == volumeType && (step.Op != "update" || !slices.Equal(step.Diffs, []string{"finalSnapshot"})) {
			t.Errorf("up did %s to %s because of %v", step.Op, step.Name, step.Diffs)
		}
	}
	if c := k.up(program); len(c.Steps)+len(c.Adopted) > 0 {
		t.Errorf("a second up is not quiet: %+v", c)
	}
	if there, protected := k.guards(program); there != 2 || protected != 2 {
		t.Errorf("taken up, the state has %d volumes, %d of them protected; want 2 and 2", there, protected)
	}
}

// failDown goes down until the first deletion, which fails. The volumes' protection is off by then.
func (k keeper) failDown(program pulumi.RunFunc) {
	k.t.Helper()
	healthy := k.env["PULUMI_DEBUG_PROVIDERS"]
	k.fault("fail=delete:aws:autoscaling/group:Group")
	if _, err := k.open(program).Down(k.t.Context()); err == nil || errors.Is(err, engine.ErrRefused) {
		k.t.Fatalf("a down whose first deletion fails: %v, want the cloud's error", err)
	}
	k.env["PULUMI_DEBUG_PROVIDERS"] = healthy
	if there, protected := k.guards(program); there != 2 || protected != 0 {
		k.t.Errorf("after a down that failed, the state has %d volumes, %d of them protected; want 2 and 0", there, protected)
	}
}

// fault makes the stack work on the same cloud with a fault in it.
func (k keeper) fault(text string) {
	k.t.Helper()
	fault, err := emulator.ParseFault(text)
	if err != nil {
		k.t.Fatal(err)
	}
	cloud, err := emulator.Open(emulator.Options{Dir: filepath.Join(k.w.dir, "cloud"), Faults: []emulator.Fault{fault}})
	if err != nil {
		k.t.Fatal(err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		if err := errors.Join(server.Close(), cloud.Close()); err != nil {
			k.t.Error(err)
		}
	})
	k.env["PULUMI_DEBUG_PROVIDERS"] = server.Env()["PULUMI_DEBUG_PROVIDERS"]
}

func (k keeper) has(token string) bool {
	k.t.Helper()
	all, err := k.cloud.Resources()
	if err != nil {
		k.t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(r emulator.Resource) bool { return r.Type == token })
}

// treasury declares one volume that must outlive its stack, with a key of its own; tests edit it.
func treasury(edit func(*ebs.VolumeArgs)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		args := &ebs.VolumeArgs{
			AvailabilityZone: pulumi.String("us-west-2a"), Type: pulumi.String("gp3"), Size: pulumi.Int(512), Encrypted: pulumi.Bool(true),
			Tags: pulumi.StringMap{"Name": pulumi.String("treasure"), cache.CacheTag: pulumi.String("stage")},
		}
		edit(args)
		_, err = ebs.NewVolume(ctx, "treasure", args, pulumi.Provider(provider), pulumi.Protect(true), pulumi.RetainOnDelete(true))
		return err
	}
}

// What would make another volume of it, or a smaller one, is refused in the preview, while it is up and while it is kept.
func TestKeptVolumesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	as := treasury(func(*ebs.VolumeArgs) {})
	elsewhere := treasury(func(a *ebs.VolumeArgs) { a.AvailabilityZone = pulumi.String("us-west-2b") })
	smaller := treasury(func(a *ebs.VolumeArgs) { a.Size = pulumi.Int(256) })
	k.up(as)
	volumes := k.volumes()
	preview := func(program pulumi.RunFunc) func() (*engine.Changes, error) {
		return func() (*engine.Changes, error) { return k.open(program).Preview(t.Context()) }
	}
	k.refuse("another zone", preview(elsewhere), "treasure", "protected")
	k.refuse("a smaller size", preview(smaller), "treasure", "size of 512 and would get 256")
	k.refuse("another key", preview(func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "keys", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		key, err := kms.NewKey(ctx, "key", &kms.KeyArgs{}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		return treasury(func(a *ebs.VolumeArgs) { a.KmsKeyId = key.Arn })(ctx)
	}), "treasure", "protected")
	k.refuse("an up to a smaller size", func() (*engine.Changes, error) { return k.open(smaller).Up(t.Context()) }, "treasure")

	k.down(as)
	// There is nothing left to take down; what is kept must survive that too.
	k.down(as)
	k.refuse("another zone than the kept one's", preview(elsewhere), volumes[0], "us-west-2a", "us-west-2b")
	k.refuse("a smaller size than the kept one's", preview(smaller), "treasure", "size of 512 and would get 256")
	k.refuse("an up in another zone", func() (*engine.Changes, error) { return k.open(elsewhere).Up(t.Context()) }, volumes[0])
	larger := treasury(func(a *ebs.VolumeArgs) { a.Size = pulumi.Int(1024) })
	if c := k.up(larger); !slices.Equal(idsOf(c.Adopted), volumes) || c.Count("update") != 1 || len(c.Steps) != 1 {
		t.Errorf("a larger size: %+v, want %v taken up and one update", c, volumes)
	}
}

// Two things that may be the same one are refused with both ids, by preview, up and down, and nothing is changed.
func TestKeptTwice(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	program := treasury(func(*ebs.VolumeArgs) {})
	k.up(program)
	k.down(program)
	// Somebody makes another one with the same tags.
	copied, err := k.openWith(program, func(o *engine.Options) {
		o.Name, o.Inventory, o.WorkDir = "other", nil, filepath.Join(k.w.dir, "other")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := copied.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	both := k.volumes()
	if len(both) != 2 {
		t.Fatalf("volumes %v, want two", both)
	}
	words := append([]string{"beachhead:stack tag", "delete"}, both...)
	k.refuse("preview", func() (*engine.Changes, error) { return k.open(program).Preview(t.Context()) }, words...)
	k.refuse("up", func() (*engine.Changes, error) { return k.open(program).Up(t.Context()) }, words...)
	k.refuse("down", func() (*engine.Changes, error) { return k.open(program).Down(t.Context()) }, words...)
}

// A rehearsal makes up the secrets that are missing, once; anything else is told what to set. None is ever on disk in plain text.
func TestSecretsOfAStack(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	program := func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		token, err := config.TrySecret(ctx, "ci-worker-token")
		if err != nil {
			return err
		}
		_, err = ssm.NewParameter(ctx, "token", &ssm.ParameterArgs{Type: pulumi.String("SecureString"), Value: token}, pulumi.Provider(provider))
		return err
	}
	open := func(rehearsal bool) (*engine.Stack, error) {
		return k.openWith(program, func(o *engine.Options) {
			o.Secrets, o.Rehearsal = []string{"ci-worker-token", "other-token"}, rehearsal
		})
	}
	_, err := open(false)
	for _, want := range []string{"ci-worker-token --stack stage", "other-token --stack stage"} {
		if !errors.Is(err, engine.ErrSecrets) || !strings.Contains(err.Error(), "pulumi config set --secret "+want) {
			t.Errorf("%v, want the command for %q", err, want)
		}
	}
	for _, rehearsal := range []bool{true, true, false} {
		stack, err := open(rehearsal)
		if err != nil {
			t.Fatalf("in a rehearsal %t: %v", rehearsal, err)
		}
		if _, err := stack.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.operations(); len(got) != 1 {
		t.Errorf("operations %+v, want one creation: the value must stay the same", got)
	}
	all, err := k.cloud.Resources()
	if err != nil || len(all) != 1 {
		t.Fatalf("resources %v, %v, want the parameter", all, err)
	}
	value, _ := all[0].Inputs["value"].(string)
	for _, file := range []string{k.state(), k.settings()} {
		if len(value) < 20 || strings.Contains(file, value) {
			t.Errorf("a value of %d characters is too short, or in plain text in a file", len(value))
		}
	}
}

// settings is the stack's configuration as it is on disk.
func (k keeper) settings() string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.w.dir, "work", "Pulumi.stage.yaml"))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}
