package session

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
)

// Emulator is an emulated cloud, served to the Pulumi engine until Close.
type Emulator struct {
	dir    string
	cloud  *emulator.Cloud
	server *emulator.Server
}

// ServeEmulator opens the emulated cloud in dir and serves it. It creates a cloud that does not exist yet.
func ServeEmulator(dir string, target Target) (*Emulator, error) {
	options := emulator.Options{Dir: filepath.Join(dir, "cloud"), Pace: target.Pace, Faults: target.Faults}
	cloud, err := emulator.Open(options)
	if err != nil {
		return nil, fmt.Errorf("opening the emulated cloud in %s: %w", options.Dir, err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serving the emulated cloud: %w", err), cloud.Close())
	}
	return &Emulator{dir: dir, cloud: cloud, server: server}, nil
}

// Close stops serving the cloud, and closes it.
func (e *Emulator) Close() error { return errors.Join(e.server.Close(), e.cloud.Close()) }

// PulumiEnv returns the environment in which a Pulumi command line works on the emulated cloud and stores its state beside it. The
// passphrase protects nothing: the secrets of an emulated cloud open nothing.
func (e *Emulator) PulumiEnv() (map[string]string, error) {
	backend, err := engine.LocalBackend(filepath.Join(e.dir, "state"))
	if err != nil {
		return nil, err
	}
	env := e.server.Env()
	env["PULUMI_BACKEND_URL"] = backend
	env["PULUMI_CONFIG_PASSPHRASE"] = "emulated"
	// The emulator is the plugin; a search for a published one takes seconds of network time.
	env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
	return env, nil
}
