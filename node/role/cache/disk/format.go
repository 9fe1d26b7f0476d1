package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/beachhead-build/beachhead/node/host"
)

// The mark is a block that the agent writes to a volume that it found blank, before it formats it. mke2fs writes all
// over the device, and writes the superblock, which identifies a file system, last. If a machine stopped between the
// two and the volume had no mark, the volume would be neither blank nor usable, and no other machine would format it.
// The mark is at an offset where mke2fs writes nothing: outside its tables, and before the last 64 KiB, which it
// clears. If mke2fs ever overwrites the mark, the agent refuses the volume and an operator decides.
const (
	markBytes    = 4096
	markFromTail = 1 << 20
)

func markOffset(size int64) int64 { return (size - markFromTail) / markBytes * markBytes }

// buildMark returns the mark of a volume. It contains the volume's ID, so that a copy of the volume does not count as
// marked.
func buildMark(volume string) []byte {
	text := make([]byte, markBytes)
	copy(text, "beachhead-node found "+volume+" blank and is making its file system\n")
	return text
}

// formatVolume creates the file system on a blank volume.
func formatVolume(ctx context.Context, h host.Host, v Volume) error {
	if err := writeMark(v); err != nil {
		return fmt.Errorf("marking %s before its first use: %w; if the error stays, terminate this machine (its group replaces it)", v.ID, err)
	}
	// nodiscard, because discarding would clear the mark, and a new volume has nothing to discard. -m 0, because the
	// volume holds data only and root needs no reserve. No -F, because mke2fs then refuses a device that is in use.
	_, err := h.Run(ctx, "mkfs.ext4", "-q", "-L", v.Label, "-m", "0", "-E", "nodiscard,lazy_itable_init=1", v.Device)
	if err != nil {
		return err
	}
	has, err := inspectDevice(ctx, h, v)
	if err != nil {
		return err
	}
	if verdict, reason := classifyContents(v, has); verdict != prepared {
		return fmt.Errorf("%s has no usable file system after mkfs.ext4: %s; terminate this machine (its group replaces it)", v.ID, reason)
	}
	return nil
}

// writeMark writes the mark and waits until the device stores it. It opens the device exclusively: the kernel refuses
// that for a device that is mounted or part of another one.
func writeMark(v Volume) error {
	file, err := os.OpenFile(v.Device, os.O_RDWR|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.WriteAt(buildMark(v.ID), markOffset(size))
	}
	return errors.Join(err, file.Sync(), file.Close())
}
