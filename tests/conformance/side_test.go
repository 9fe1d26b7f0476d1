//go:build conformance

package conformance

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/stacks"
	"github.com/beachhead-build/beachhead/tests/conformance/apiproxy"
)

// account is that of the shipped region files.
const account = "210987654321"

// projectRoot is the project's folder.
func projectRoot(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// side is one of the two clouds that the same program runs on.
type side struct {
	t    testing.TB
	name string
	dir  string
	env  map[string]string
	// home is Pulumi's folder; empty: the user's, in which `pulumi plugin install` puts providers.
	home string
}

// newSide makes a side in a folder of its own, which stays until the next run, to be looked at.
func newSide(t testing.TB, region, name string, env map[string]string) *side {
	t.Helper()
	s := &side{t: t, name: name, dir: filepath.Join(projectRoot(t), ".beachhead", "conformance", region, name), env: maps.Clone(env)}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	backend, err := engine.LocalBackend(filepath.Join(s.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	s.env["PULUMI_BACKEND_URL"], s.env["PULUMI_CONFIG_PASSPHRASE"] = backend, "test"
	s.env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
	return s
}

// emulatedSide is the emulated cloud.
func emulatedSide(t testing.TB, region string) *side {
	t.Helper()
	s := newSide(t, region, "emulated", map[string]string{})
	cloud, err := emulator.Open(emulator.Options{Dir: filepath.Join(s.dir, "cloud")})
	if err != nil {
		t.Fatal(err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), cloud.Close()); err != nil {
			t.Error(err)
		}
	})
	maps.Copy(s.env, server.Env())
	s.home = filepath.Join(s.dir, "home")
	return s
}

// realSide is the real providers, on moto and on the recorder.
func realSide(t testing.TB, region string, google *recorder) *side {
	t.Helper()
	s := newSide(t, region, "real", google.environment())
	maps.Copy(s.env, startMoto(t, s.dir))
	return s
}

// startMoto starts moto with its gaps closed, and a proxy in front of it that keeps connections open. It returns the environment by which
// the provider and the AWS SDK find the proxy.
func startMoto(t testing.TB, dir string) map[string]string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(free.Addr().String())
	if err := errors.Join(err, free.Close()); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "moto.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "moto_server.py", "-H", "127.0.0.1", "-p", port)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return len(v) > 4 && v[:4] == "AWS_" }), "MOTO_ACCOUNT_ID="+account,
		"PYTHONDONTWRITEBYTECODE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		_ = log.Close()
	})
	url := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		answer, err := http.Get(url + "/moto-api/data.json")
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			if err := answer.Body.Close(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto does not answer; see %s: %v", log.Name(), err)
		}
	}
	return map[string]string{
		"AWS_ENDPOINT_URL": apiproxy.Start(t, "127.0.0.1:"+port), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_SESSION_TOKEN": "test", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	}
}

func (s *side) openStack(p *plan.Plan) *engine.Stack {
	s.t.Helper()
	stack, err := engine.Open(s.t.Context(), engine.Options{
		Name: p.Name, Program: stacks.Region(p, filepath.Join(projectRoot(s.t), "bin")), Root: projectRoot(s.t),
		WorkDir: filepath.Join(s.dir, "work"),
		Home:    s.home, Env: s.env, Secrets: p.SecretNames(), Rehearsal: true,
	})
	if err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
	return stack
}

// runProgram brings up a stack of another program.
func (s *side) runProgram(name string, program pulumi.RunFunc) {
	s.t.Helper()
	stack, err := engine.Open(s.t.Context(), engine.Options{
		Name: name, Program: program, Root: projectRoot(s.t), WorkDir: filepath.Join(s.dir, name), Home: s.home, Env: s.env,
	})
	if err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
	if _, err := stack.Up(s.t.Context()); err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
}

func (s *side) resources(p *plan.Plan) []apitype.ResourceV3 {
	s.t.Helper()
	all, err := s.openStack(p).ReadResources(s.t.Context())
	if err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
	return all
}

// refresh reads everything anew and gives what differs from the state. The engine has no refresh of its own: nobody asks for one.
func (s *side) refresh(p *plan.Plan) []string {
	s.t.Helper()
	env := []auto.LocalWorkspaceOption{auto.WorkDir(filepath.Join(s.dir, "work")), auto.EnvVars(s.env), auto.Pulumi(pulumiCommand(s.t))}
	if s.home != "" {
		env = append(env, auto.PulumiHome(s.home))
	}
	stack, err := auto.SelectStackInlineSource(s.t.Context(), p.Name, engine.Project, nil, env...)
	if err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
	stream, heard := make(chan events.EngineEvent), make(chan []string)
	go func() {
		var differs []string
		for e := range stream {
			if out := e.ResOutputsEvent; out != nil && (out.Metadata.Op == apitype.OpUpdate || out.Metadata.Op == apitype.OpDelete) {
				differs = append(differs, fmt.Sprintf("%s of %s: %v", out.Metadata.Op, out.Metadata.URN,
					slices.Sorted(maps.Keys(out.Metadata.DetailedDiff))))
			}
		}
		heard <- differs
	}()
	if _, err := stack.Refresh(s.t.Context(), optrefresh.EventStreams(stream), optrefresh.Parallel(64)); err != nil {
		s.t.Fatalf("%s: refresh: %v", s.name, err)
	}
	return <-heard
}

// pulumiCommand is the Pulumi command line that make builds, or else the one on the PATH.
func pulumiCommand(t testing.TB) auto.PulumiCommand {
	t.Helper()
	options := &auto.PulumiCommandOptions{Root: projectRoot(t)}
	if _, err := os.Stat(filepath.Join(projectRoot(t), "bin", "pulumi")); err != nil {
		options = nil
	}
	c, err := auto.NewPulumiCommand(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
