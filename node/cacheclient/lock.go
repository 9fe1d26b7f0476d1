package cacheclient

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// lockFile holds a file's lock until unlock is called or the process ends, however it ends. It waits until the context ends. Unlock is there
// with an error too.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	nothing := func() {}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nothing, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nothing, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nothing, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		// Polled, since a wait for the lock would not end with the context.
		if err := host.Sleep(ctx, 20*time.Millisecond); err != nil {
			return nothing, errors.Join(fmt.Errorf("another command holds %s: %w", path, err), file.Close())
		}
	}
}

// runWithin runs something that may hang beyond any signal, such as a call on a mount whose server is gone. When the context ends first it goes on
// without it; what hangs ends with the process.
func runWithin(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
