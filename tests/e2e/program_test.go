package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// host starts the program as Pulumi's Go language host does: as a process with the engine's addresses in its environment. The real host
// comes with a released Pulumi and not from the module proxy.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	program string
}

func (h host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "1.0.0"}, nil
}

func (h host) GetRequiredPlugins(context.Context, *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	return &pulumirpc.GetRequiredPluginsResponse{}, nil
}

func (h host) Run(ctx context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, h.program)
	process.Dir = r.GetInfo().GetProgramDirectory()
	process.Env = append(os.Environ(),
		"PULUMI_PROJECT="+r.GetProject(), "PULUMI_STACK="+r.GetStack(), "PULUMI_MONITOR="+r.GetMonitorAddress(),
		"PULUMI_ENGINE="+r.GetArgs()[0], "PULUMI_CONFIG="+string(config), fmt.Sprintf("PULUMI_DRY_RUN=%t", r.GetDryRun()),
		fmt.Sprintf("PULUMI_PARALLEL=%d", r.GetParallel()), "PULUMI_ORGANIZATION="+r.GetOrganization(),
	)
	if out, err := process.CombinedOutput(); err != nil {
		return &pulumirpc.RunResponse{Error: err.Error() + "\n" + string(out)}, nil //nolint:nilerr // the response carries the error
	}
	return &pulumirpc.RunResponse{}, nil
}

// plainPulumi serves the world's cloud and gives a plain `pulumi` for it, whose program is this one.
func plainPulumi(t *testing.T, w *world) func(args ...string) (string, error) {
	t.Helper()
	program := binary(t)
	project, err := os.ReadFile("../../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "Pulumi.yaml"), project, 0o644); err != nil {
		t.Fatal(err)
	}
	env := serve(t, program, w)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{Init: func(server *grpc.Server) error {
		pulumirpc.RegisterLanguageRuntimeServer(server, host{program: program})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return func(args ...string) (string, error) {
		args = append(args, "--stack", name)
		if args[0] == "up" {
			args = append(args, "--yes", "--skip-preview", "--exec-kind=auto.inline", fmt.Sprintf("--client=127.0.0.1:%d", handle.Port))
		}
		command := exec.Command(pulumiCommand(w), args...)
		command.Dir, command.Env = w.dir, append(os.Environ(), env...)
		out, err := command.CombinedOutput()
		return string(out), err
	}
}

// The same binary is the program of a plain `pulumi up`, on the cloud that `beachhead emulator` serves and with the environment that it
// prints.
func TestPlainPulumi(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "nat-gateway"})
	run := plainPulumi(t, w)
	pulumi := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		if err != nil {
			t.Fatalf("pulumi %v: %v\n%s", args, err, out)
		}
		return out
	}
	pulumi("stack", "init")
	pulumi("up")
	w.checkAgree("after pulumi up")
	if again := pulumi("up"); !strings.Contains(again, "unchanged") {
		t.Errorf("a second pulumi up is not quiet:\n%s", again)
	}
	pulumi("destroy", "--yes", "--skip-preview")
	w.empty()
}

// A stack that is no rehearsal must be given its secrets: each that is missing is named, with the command that sets it, before anything is
// made. With them it comes up.
func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	w := wholeWorld(t, fleetOf("yocto-amd64", func(r *regionfile.Runner) { r.Agent.Token = "yocto-token" }), func(c *regionfile.Config) {
		unlinked(c)
		c.Cache = nil
	})
	pulumi := plainPulumi(t, w)
	if out, err := pulumi("stack", "init"); err != nil {
		t.Fatal(out)
	}
	missing := func(secret string) string { return "pulumi config set --secret " + secret + " --stack " + name }
	out, err := pulumi("up")
	for _, secret := range []string{"ci-worker-token", "yocto-token"} {
		if err == nil || !strings.Contains(out, missing(secret)) {
			t.Errorf("up without %s: %v, want a failure with %q:\n%s", secret, err, missing(secret), out)
		}
	}
	if made := len(w.resources()); made > 0 {
		t.Errorf("%d things were made without the secrets", made)
	}
	if out, err := pulumi("config", "set", "--secret", "yocto-token", "of-yocto"); err != nil {
		t.Fatal(out)
	}
	if out, err := pulumi("up"); err == nil || !strings.Contains(out, missing("ci-worker-token")) ||
		strings.Contains(out, missing("yocto-token")) {
		t.Errorf("up with one of two secrets: %v\n%s", err, out)
	}
	if out, err := pulumi("config", "set", "--secret", "ci-worker-token", "of-containers"); err != nil {
		t.Fatal(out)
	}
	if out, err := pulumi("up"); err != nil {
		t.Fatal(out)
	}
	w.checkAgree("with all secrets")
	for _, secret := range []string{"of-yocto", "of-containers"} {
		if !knows(w, secret) {
			t.Errorf("no parameter holds %q", secret)
		}
	}
}

func pulumiCommand(w *world) string {
	if own := filepath.Join(w.dir, "bin", "pulumi"); exists(own) {
		return own
	}
	return "pulumi"
}

// serve runs `beachhead emulator` until the test ends and gives the environment that it prints.
func serve(t *testing.T, program string, w *world) []string {
	t.Helper()
	process := exec.Command(program, "-C", w.dir, "emulator")
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := process.Wait(); err != nil {
			t.Errorf("the emulator did not end cleanly: %v", err)
		}
	})
	env := []string{"PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_HOME=" + t.TempDir()}
	scanner := bufio.NewScanner(out)
	for len(env) < 6 && scanner.Scan() {
		pair, found := strings.CutPrefix(scanner.Text(), "export ")
		if !found {
			t.Fatalf("the emulator printed %q, want export lines", scanner.Text())
		}
		name, value, _ := strings.Cut(pair, "=")
		env = append(env, name+"="+strings.Trim(value, "'"))
	}
	return env
}
