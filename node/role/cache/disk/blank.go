package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

const fileSystem = "ext4"

// contents is what is on a device, by all that looks.
type contents struct {
	// signatures is what blkid and wipefs say: file systems, members of volume groups and arrays, partition tables, encryption, swap.
	signatures string
	kind       string
	label      string
	// marked says that this agent had proved the device blank, and began to format it.
	marked bool
	// dataAt is where the first byte is that is not zero; -1 when none was read.
	dataAt int64
}

type verdict int

const (
	foreign verdict = iota
	prepared
	blank
)

// classifyContents decides what may be done with a volume. Blank takes all there is: nobody sees a signature, nothing that was read is anything but zero,
// and the volume was not made from a snapshot, on which something was whether or not anybody knows it.
func classifyContents(v Volume, has contents) (verdict, string) {
	switch {
	case has.kind == fileSystem && has.label == v.Label:
		return prepared, ""
	case has.kind == fileSystem && strings.HasPrefix(has.label, "beachhead-"):
		return foreign, fmt.Sprintf("it is the cache of another shard, with the label %s, and this one is %s", has.label, v.Label)
	case has.signatures != "":
		return foreign, "it has " + has.signatures
	case v.FromSnapshot:
		return foreign, "it was made from a snapshot, and has no file system that is known"
	case has.marked:
		return blank, ""
	case has.dataAt >= 0:
		return foreign, fmt.Sprintf("it has data at byte %d, and no file system that is known", has.dataAt)
	}
	return blank, ""
}

// inspectDevice finds out what is on a volume. That it cannot be found out is an error, and never a blank device.
func inspectDevice(ctx context.Context, h host.Host, v Volume) (contents, error) {
	has := contents{dataAt: -1}
	if err := has.readSignatures(ctx, h, v.Device); err != nil {
		return has, fmt.Errorf("looking at what is on %s: %w", v.Device, err)
	}
	if has.kind == fileSystem {
		return has, nil // it is not blank, and reading on would tell nothing more
	}
	if err := has.scanDevice(v); err != nil {
		return has, fmt.Errorf("reading %s: %w; replace the machine if it stays", v.Device, err)
	}
	return has, nil
}

// readSignatures asks for signatures. Both commands are asked, since blkid tells what something is and wipefs also what it contradicts.
func (c *contents) readSignatures(ctx context.Context, h host.Host, device string) error {
	probed, err := h.Run(ctx, "blkid", "-p", "-o", "export", device)
	if code := host.ExitCode(err); err != nil && code != nothingFound && code != ambivalent {
		return err
	}
	listed, wipefsErr := h.Run(ctx, "wipefs", "--no-act", "--parsable", device)
	if wipefsErr != nil {
		return wipefsErr
	}
	c.signatures = strings.Join(append(c.parseBlkid(probed), parseWipefs(listed)...), " ")
	if host.ExitCode(err) == ambivalent {
		c.kind, c.signatures = "", "signatures of several kinds "+c.signatures
	}
	return nil
}

// parseBlkid reads what blkid says: a line for each property.
func (c *contents) parseBlkid(probed string) (seen []string) {
	for line := range strings.Lines(probed) {
		line = strings.TrimSpace(line)
		switch key, value, _ := strings.Cut(line, "="); key {
		case "", "DEVNAME":
			continue
		case "TYPE":
			c.kind = value
		case "LABEL":
			c.label = value
		}
		seen = append(seen, line)
	}
	return seen
}

// parseWipefs reads what wipefs says: a line for each signature, below one that begins with #.
func parseWipefs(listed string) (seen []string) {
	for line := range strings.Lines(listed) {
		if !strings.HasPrefix(line, "#") {
			seen = append(seen, strings.TrimSpace(line))
		}
	}
	return seen
}

// blkid's exit codes, when it does not find one thing. Source: blkid(8).
const (
	nothingFound = 2
	ambivalent   = 8
)

// How much of a device is read: both ends, where signatures are, and places spread over the rest. Up to 72 MiB that is all of it; of a large
// one it is what takes a second or two.
const (
	edge    = 4 << 20
	sample  = 64 << 10
	samples = 1024
)

// scanDevice looks for anything that is not zero, and for the agent's own mark.
func (c *contents) scanDevice(v Volume) error {
	file, err := os.Open(v.Device)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < 2*edge {
		return fmt.Errorf("it has %d bytes; want a volume of at least 1 GiB", size)
	}
	own := make([]byte, markBytes)
	if _, err := file.ReadAt(own, markOffset(size)); err != nil {
		return err
	}
	c.marked = bytes.Equal(own, buildMark(v.ID))
	c.dataAt, err = findData(file, size)
	return err
}

// findData gives the place of a block that is not all zero; -1 when none was read.
func findData(file io.ReaderAt, size int64) (int64, error) {
	buffer, zero := make([]byte, sample), make([]byte, sample)
	at := func(offset int64) (bool, error) {
		n, err := file.ReadAt(buffer, offset)
		if err != nil && (!errors.Is(err, io.EOF) || offset+int64(n) != size) {
			return false, err
		}
		return bytes.Equal(buffer[:n], zero[:n]), nil
	}
	for _, offset := range sampleOffsets(size) {
		if clean, err := at(offset); err != nil || !clean {
			return offset, err
		}
	}
	return -1, nil
}

// sampleOffsets are the places that are read, sample bytes from each.
func sampleOffsets(size int64) []int64 {
	var all []int64
	for offset := int64(0); offset < edge; offset += sample {
		all = append(all, offset, size-edge+offset)
	}
	stride := max((size-2*edge)/samples, sample)
	for offset := int64(edge); offset < size-edge; offset += stride {
		all = append(all, offset)
	}
	return all
}
