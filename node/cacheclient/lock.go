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

// lockFile locks a file until unlock is called or the process ends, however it ends. It waits for the lock until the
// context ends. unlock is valid even when it returns an error.
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
		// Poll, because a blocking wait for the lock would not end with the context.
		if err := host.Sleep(ctx, 20*time.Millisecond); err != nil {
			return nothing, errors.Join(fmt.Errorf("waiting for another command that holds the lock %s: %w", path, err), file.Close())
		}
	}
}

// runWithin runs a function that may hang beyond any signal, such as a call on a mount whose server is gone. When the
// context ends first, runWithin returns; a function that hangs ends with the process.
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
