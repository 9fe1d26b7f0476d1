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
		return &pulumirpc.RunResponse{Error: err.Error() + "\n" + string(out)}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

// The same binary is the program of a plain `pulumi up`, on the cloud that `beachhead emulator` serves and with the environment that it
// prints.
func TestPlainPulumi(t *testing.T) {
	t.Parallel()
	program := binary(t)
	w := newWorld(t, file{zones: 1, egress: "nat-gateway"})
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
	pulumi := func(args ...string) string {
		t.Helper()
		command := exec.Command(pulumiCommand(w), append(args, "--stack", name)...)
		command.Dir, command.Env = w.dir, append(os.Environ(), env...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("pulumi %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	client := fmt.Sprintf("--client=127.0.0.1:%d", handle.Port)
	pulumi("stack", "init")
	pulumi("up", "--yes", "--skip-preview", "--exec-kind=auto.inline", client)
	w.agree("after pulumi up")
	if again := pulumi("up", "--yes", "--skip-preview", "--exec-kind=auto.inline", client); !strings.Contains(again, "unchanged") {
		t.Errorf("a second pulumi up is not quiet:\n%s", again)
	}
	pulumi("destroy", "--yes", "--skip-preview")
	w.empty()
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
