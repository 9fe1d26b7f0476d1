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

// TemporaryPrefix begins the names of files that are being written to a shard. Readers and eviction pass over them; a server removes those
// that their writer left behind.
const TemporaryPrefix = ".beachhead-push-"

// ErrChanged is in the error of a file that had another size when it was copied than before.
var ErrChanged = errors.New("it changed while it was copied")

// buffers are as large as one NFS call carries.
var buffers = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// PutFile writes a file that gets its name only once it is whole: under a temporary name first, then finished (mode, owner, time), then renamed.
// Killed at any moment it leaves the file as it was, or new and whole. What is read must have as many bytes as size says, or it is an
// ErrChanged. The folder must be there. A call that hangs in the kernel hangs this; between calls it ends with the context.
func PutFile(ctx context.Context, to *os.Root, name string, from io.Reader, size int64, finish func(temporary string) error) error {
	temporary := path.Join(path.Dir(name), TemporaryPrefix+rand.Text())
	file, err := to.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = copyContent(ctx, file, from, size)
	// Over NFS it is the close that says whether the server has it all.
	if err = errors.Join(err, file.Close()); err == nil {
		err = finish(temporary)
	}
	if err == nil {
		err = to.Rename(temporary, name)
	}
	if err != nil {
		_ = to.Remove(temporary) // what is left over is removed by the server
	}
	return err
}

func copyContent(ctx context.Context, file *os.File, from io.Reader, size int64) error {
	buffer := buffers.Get().(*[1 << 20]byte)
	defer buffers.Put(buffer)
	// Wrapped, so that neither side's own way of copying takes over, which would know no context.
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

// IsTemporary says whether a file is one that is being written.
func IsTemporary(name string) bool { return strings.HasPrefix(path.Base(name), TemporaryPrefix) }

// OpenRegular opens a file for reading. It follows no link out of the root, and a pipe does not make it wait.
func OpenRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file any more: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}
