package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/beachhead-build/beachhead/node/host"
)

// The mark is what is written on a volume that was proved blank, before it is formatted. mke2fs writes all over the device, and the superblock,
// by which anybody would see a file system, last of all: without the mark, a machine that goes in between would leave a volume that is not
// blank and holds nothing, and that no other machine may format. It lies where mke2fs writes nothing (neither in its tables nor in the last
// 64 KiB, which it clears); if it ever does, the volume is refused and a person looks at it.
const (
	markBytes    = 4096
	markFromTail = 1 << 20
)

func markOffset(size int64) int64 { return (size - markFromTail) / markBytes * markBytes }

// buildMark has the volume's id in it, so that a copy of the volume does not count as it.
func buildMark(volume string) []byte {
	text := make([]byte, markBytes)
	copy(text, "beachhead-node found "+volume+" blank and is making its file system\n")
	return text
}

// formatVolume makes the file system of a volume that was judged blank.
func formatVolume(ctx context.Context, h host.Host, v Volume) error {
	if err := writeMark(v); err != nil {
		return fmt.Errorf("marking %s before its first use: %w; replace the machine if it stays", v.ID, err)
	}
	// Without discarding, which would clear the mark; a new volume has nothing to discard. No space for root alone: the volume is all data.
	// Without force: mke2fs refuses what it takes for in use.
	_, err := h.Run(ctx, "mkfs.ext4", "-q", "-L", v.Label, "-m", "0", "-E", "nodiscard,lazy_itable_init=1", v.Device)
	if err != nil {
		return err
	}
	has, err := inspectDevice(ctx, h, v)
	if err != nil {
		return err
	}
	if verdict, reason := classifyContents(v, has); verdict != prepared {
		return fmt.Errorf("%s was formatted and is not as it should be: %s; replace the machine", v.ID, reason)
	}
	return nil
}

// writeMark writes the mark, and waits until it is on the device. Opened for itself alone, which the kernel refuses for a device that is mounted or
// part of another.
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
