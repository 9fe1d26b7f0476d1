package cacheclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
)

// TemporaryPrefix starts the names of files that are being written to a shard. Readers and eviction skip them; a server
// removes those whose writer is gone.
const TemporaryPrefix = ".beachhead-push-"

// ErrChanged is in the error of a file whose size changed while it was copied.
var ErrChanged = errors.New("the file changed while it was copied")

// buffers are as large as one NFS call can carry.
var buffers = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// PutFile writes a file that gets its name only once it is complete. It writes a temporary file, calls finish (mode,
// owner, time), then renames it. A kill at any moment leaves the file as it was, or new and complete. It returns an
// ErrChanged when from does not have exactly size bytes. The folder must exist. A call that hangs in the kernel makes
// PutFile hang; between calls it ends with the context.
func PutFile(ctx context.Context, to *os.Root, name string, from io.Reader, size int64, finish func(temporary string) error) error {
	temporary := path.Join(path.Dir(name), TemporaryPrefix+rand.Text())
	file, err := to.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = copyContent(ctx, file, from, size)
	// Over NFS only close reports whether the server has all of it.
	if err = errors.Join(err, file.Close()); err == nil {
		err = finish(temporary)
	}
	if err == nil {
		err = to.Rename(temporary, name)
	}
	if err != nil {
		_ = to.Remove(temporary) // the server removes files that remain
	}
	return err
}

func copyContent(ctx context.Context, file *os.File, from io.Reader, size int64) error {
	buffer := buffers.Get().(*[1 << 20]byte)
	defer buffers.Put(buffer)
	// Wrapped, because the optimized copies of both sides would ignore the context.
	written, err := io.CopyBuffer(struct{ io.Writer }{file}, contextReader{ctx, from}, buffer[:])
	if err == nil && written != size {
		return fmt.Errorf("%w: from %d to %d bytes", ErrChanged, size, written)
	}
	return err
}

type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// IsTemporary reports whether a file is being written.
func IsTemporary(name string) bool { return strings.HasPrefix(path.Base(name), TemporaryPrefix) }

// OpenRegular opens a file for reading. It follows no link out of the root, and does not wait for a pipe.
func OpenRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file any more: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}
