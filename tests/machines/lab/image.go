//go:build machines

package lab

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

//go:embed image.sh
var recipe []byte

// image is the machines' disk with its kernel, in a directory of the user's cache.
type image struct{ directory string }

func (i image) filePath(name string) string { return filepath.Join(i.directory, name) }

var (
	built       = sync.OnceValues(buildImage)
	accelerator = sync.OnceValue(func() string {
		i, err := built()
		if err != nil {
			return ""
		}
		return i.findAccelerator()
	})
)

// requireImage returns the image of the current recipe. It builds the image unless the cache has it.
func requireImage(t testing.TB) image {
	t.Helper()
	started := time.Now()
	i, err := built()
	if err != nil {
		t.Fatalf("%v; scripts/machines prints which packages are missing", err)
	}
	t.Logf("image: %s in %.1f s", i.directory, time.Since(started).Seconds())
	return i
}

func buildImage() (image, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return image{}, err
	}
	sum := sha256.Sum256(recipe)
	i := image{filepath.Join(cache, "beachhead", "machines", hex.EncodeToString(sum[:8]))}
	if _, err := os.Stat(i.filePath("disk")); err == nil {
		return i, nil
	}
	// The image is built beside its place and then moved, so that an interrupted build never looks complete.
	if err := os.MkdirAll(filepath.Dir(i.directory), 0o755); err != nil {
		return image{}, err
	}
	making, err := os.MkdirTemp(filepath.Dir(i.directory), "new-")
	if err != nil {
		return image{}, err
	}
	defer func() { _ = os.RemoveAll(making) }() // does not exist after the move
	if err := makeAuthority(making); err != nil {
		return image{}, err
	}
	script := filepath.Join(making, "image.sh")
	if err := os.WriteFile(script, recipe, 0o755); err != nil {
		return image{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, script, making).CombinedOutput(); err != nil {
		return image{}, fmt.Errorf("building the machines' image: %w\n%s", err, out)
	}
	return i, os.Rename(making, i.directory)
}

// findAccelerator returns kvm if a kernel boots with it, and otherwise tcg, software emulation. A test boot is necessary: in a virtual
// machine of some hosts /dev/kvm exists, QEMU accepts it, and the machine hangs. The kernel has no root in this test, panics, and QEMU
// ends.
func (i image) findAccelerator() string {
	if file, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err != nil {
		return "tcg"
	} else if err := file.Close(); err != nil {
		return "tcg"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	probe := exec.CommandContext(ctx, "qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-m", "256", "-nodefaults", "-display", "none",
		"-no-reboot", "-kernel", i.filePath("vmlinuz"), "-append", "panic=-1")
	if probe.Run() != nil {
		return "tcg"
	}
	return "kvm"
}
