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

// contents describes what a device contains, according to all the tools that read it.
type contents struct {
	// signatures holds the findings of blkid and wipefs: file systems, members of volume groups and arrays, partition
	// tables, encryption, swap.
	signatures string
	kind       string
	label      string
	// marked means that this agent found the device blank before, and began to format it.
	marked bool
	// dataAt is the offset of the first byte that is not zero; -1 when all bytes that were read are zero.
	dataAt int64
}

type verdict int

const (
	foreign verdict = iota
	prepared
	blank
)

// classifyContents decides how to treat a volume. A volume is blank only if all of this holds: blkid and wipefs find no
// signature, every byte that was read is zero, and the volume does not come from a snapshot. A volume from a snapshot
// had contents, even if no tool recognizes them.
func classifyContents(v Volume, has contents) (verdict, string) {
	switch {
	case has.kind == fileSystem && has.label == v.Label:
		return prepared, ""
	case has.kind == fileSystem && strings.HasPrefix(has.label, "beachhead-"):
		return foreign, fmt.Sprintf("it holds the cache of another shard, with the label %s; want the label %s", has.label, v.Label)
	case has.signatures != "":
		return foreign, "it contains " + has.signatures
	case v.FromSnapshot:
		return foreign, "it was created from a snapshot and has no file system that Beachhead created"
	case has.marked:
		return blank, ""
	case has.dataAt >= 0:
		return foreign, fmt.Sprintf("it has data at byte %d and no file system that Beachhead created", has.dataAt)
	}
	return blank, ""
}

// inspectDevice finds out what a volume contains. It returns an error when it cannot find out; it never reports such a
// device as blank.
func inspectDevice(ctx context.Context, h host.Host, v Volume) (contents, error) {
	has := contents{dataAt: -1}
	if err := has.readSignatures(ctx, h, v.Device); err != nil {
		return has, fmt.Errorf("inspecting the contents of %s: %w", v.Device, err)
	}
	if has.kind == fileSystem {
		return has, nil // the device is not blank, so reading on would show nothing more
	}
	if err := has.scanDevice(v); err != nil {
		return has, fmt.Errorf("reading %s: %w; if the error stays, terminate this machine (its group replaces it)", v.Device, err)
	}
	return has, nil
}

// readSignatures collects the signatures on a device. It runs two commands: blkid identifies the content, wipefs also
// lists signatures that contradict it.
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

// parseBlkid reads the output of blkid: one line for each property.
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

// parseWipefs reads the output of wipefs: one line for each signature, after a header that begins with #.
func parseWipefs(listed string) (seen []string) {
	for line := range strings.Lines(listed) {
		if !strings.HasPrefix(line, "#") {
			seen = append(seen, strings.TrimSpace(line))
		}
	}
	return seen
}

// Exit codes of blkid when it does not find exactly one content. Source: blkid(8).
const (
	nothingFound = 2
	ambivalent   = 8
)

// These constants limit how much of a device is read: both ends, which hold the signatures, and samples spread over the
// rest. Devices up to 72 MiB are read completely. For a large device the reads take a second or two.
const (
	edge    = 4 << 20
	sample  = 64 << 10
	samples = 1024
)

// scanDevice searches for bytes that are not zero, and for the mark of this agent.
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
		return fmt.Errorf("the device has %d bytes; want a volume of at least 1 GiB", size)
	}
	own := make([]byte, markBytes)
	if _, err := file.ReadAt(own, markOffset(size)); err != nil {
		return err
	}
	c.marked = bytes.Equal(own, buildMark(v.ID))
	c.dataAt, err = findData(file, size)
	return err
}

// findData returns the offset of a block that is not all zero; -1 when all blocks that it reads are zero.
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

// sampleOffsets returns the offsets to read from; each read takes sample bytes.
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
