package e2e

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// A secret is nowhere but in the cloud that has to know it: neither in the state nor in any other file, nor in what any command writes.
// The same holds for the keys of the tunnels, which the cloud makes up, and for what the path of a webhook tells.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const hook = "planted-hook-0815"
	w := wholeWorld(t, func(c *regionfile.Config) { c.Alerts.Webhooks = []string{"https://chat.example.com/" + hook} })
	var said strings.Builder
	say := func(want int, args ...string) {
		t.Helper()
		code, out, errs := w.run(args...)
		if code != want {
			t.Errorf("%v: exit code %d, want %d\n%s", args, code, want, errs)
		}
		if args[0] != "show" { // which shows the region file, and with it the webhook
			said.WriteString(strings.ReplaceAll(out+errs, hook, "HOOK IN "+strings.Join(args, " ")))
		} else {
			said.WriteString(out + errs)
		}
	}
	say(0, "preview", name, "--emulated", "--json") // makes the stack, which then can have a secret
	w.setSecret("ci-worker-token", planted)
	// A failure is told with what failed, and must not tell its inputs.
	say(1, "up", name, "--emulated", "--json", "--fault", "fail=create:aws:ssm/parameter:Parameter")
	say(0, "up", name, "--emulated", "--json")
	for _, args := range [][]string{{"up"}, {"preview"}, {"preview", "--json"}, {"outputs"}, {"outputs", "--json"}} {
		say(0, append([]string{args[0], name, "--emulated"}, args[1:]...)...)
	}
	for _, args := range [][]string{{"show", name}, {"show", name, "--json"}, {"drill", name, "--json"}} {
		say(0, args...)
	}

	secrets := tunnelKeys(w)
	if len(secrets) != gcplink.Tunnels || !knows(w, planted) {
		t.Fatalf("the cloud has %d keys, want %d, and knows the token: %t; nothing of this proves anything", len(secrets), gcplink.Tunnels,
			knows(w, planted))
	}
	secrets["the token"] = planted
	hidden(t, "what the commands wrote", said.String(), secrets)
	if i := strings.Index(said.String(), "HOOK IN "); i >= 0 {
		t.Errorf("the webhook's path is in what a command wrote: %.200s", said.String()[i:])
	}
	for what, data := range userData(w) {
		hidden(t, what, data, secrets) // whoever may describe a machine can read it
	}
	secrets["the webhook's path"] = hook
	files := w.files()
	if len(files) < 10 {
		t.Errorf("%d files looked at, which cannot be all", len(files))
	}
	for path, content := range files {
		if !strings.HasPrefix(path, "regions") {
			hidden(t, path, content, secrets)
		}
	}
}

// hidden fails the test when a text holds a secret, plain or as the clouds encode it.
func hidden(t *testing.T, where, text string, secrets map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(text, form) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
}

// userData is what machines run at their first boot, by launch template.
func userData(w *world) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, r := range w.resources() {
		encoded, _ := r.Inputs["userData"].(string)
		if r.Type != "aws:ec2/launchTemplate:LaunchTemplate" || encoded == "" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			w.t.Error(err)
		}
		all["the user data of "+r.Name] = string(data)
	}
	if len(all) != 4 {
		w.t.Errorf("%d launch templates, want those of two fleets and of two shards", len(all))
	}
	return all
}

// tunnelKeys are the pre-shared keys that the cloud made up, by what they are.
func tunnelKeys(w *world) map[string]string {
	w.t.Helper()
	keys := map[string]string{}
	for _, r := range w.resources() {
		for _, output := range []string{"tunnel1PresharedKey", "tunnel2PresharedKey"} {
			if key, _ := r.Outputs[output].(string); key != "" {
				keys[output+" of "+r.Name] = key
			}
		}
	}
	return keys
}

// knows says whether a parameter of the cloud has the value.
func knows(w *world, value string) bool {
	w.t.Helper()
	for _, r := range w.resources() {
		if r.Type == "aws:ssm/parameter:Parameter" && r.Inputs["value"] == value {
			return true
		}
	}
	return false
}

// setSecret sets a secret of the stack with Pulumi's own command line, as on a real account.
func (w *world) setSecret(secret, value string) {
	w.t.Helper()
	base := filepath.Join(w.dir, ".beachhead", "emulated")
	command := exec.Command(pulumiCommand(w), "config", "set", "--secret", secret, "--stack", name, "--non-interactive")
	command.Dir = filepath.Join(base, "workspace", name)
	command.Stdin = strings.NewReader(value)
	command.Env = append(os.Environ(),
		"PULUMI_BACKEND_URL=file://"+filepath.Join(base, "state"), "PULUMI_CONFIG_PASSPHRASE=emulated",
		"PULUMI_HOME="+filepath.Join(base, "home"), "PULUMI_SKIP_UPDATE_CHECK=true",
	)
	if out, err := command.CombinedOutput(); err != nil {
		w.t.Fatalf("setting a secret: %v\n%s", err, out)
	}
}

// files are all files in the world's folder with their content, but for those of the emulated cloud and the programs in bin.
func (w *world) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == w.cloudDir() || path == filepath.Join(w.dir, "bin")):
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		short, err := filepath.Rel(w.dir, path)
		all[short] = string(content)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}
