// Package disk is a cache server's data volume: it finds its device, makes a file system on one that is provably blank and on no other, and
// mounts and grows it.
//
// The file system is ext4: it grows while it is mounted, its tools are part of every Debian image, so that a server installs nothing for it,
// and a check mends what a crash leaves. XFS was refused: it grows as well, but its tools are a package more between boot and ready. Neither is
// ever made smaller.
package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// FindDevice gives the block device of an EBS volume, such as /dev/nvme1n1; "" when it is not there. The volume's id without its dash is the
// device's serial number. Source: Amazon EBS user guide, "Map Amazon EBS volumes to NVMe device names". The name that EC2 was asked for says
// nothing.
func FindDevice(h host.Host, volume string) (string, error) {
	// An NVMe device has the number of its controller; others have their own.
	controllers, err := filepath.Glob(h.Path("/sys/block/*/device/serial"))
	if err != nil {
		return "", err
	}
	others, err := filepath.Glob(h.Path("/sys/block/*/serial"))
	if err != nil {
		return "", err
	}
	var found string
	for _, file := range append(controllers, others...) {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != strings.Replace(volume, "-", "", 1) {
			continue // one that goes meanwhile is not the one
		}
		name := strings.Split(strings.TrimPrefix(file, h.Path("/sys/block")+"/"), "/")[0]
		if found != "" && found != name {
			return "", fmt.Errorf("both %s and %s have the serial number of %s; replace the machine", found, name, volume)
		}
		found = name
	}
	if found == "" {
		return "", nil
	}
	// Commands and the kernel's list of mounts want the device itself.
	return filepath.EvalSymlinks(h.Path("/dev/" + found))
}

// DeviceSize is a device's size in bytes, as the kernel knows it: after a volume grew, this does, while the file system waits for Grow.
func DeviceSize(h host.Host, device string) (int64, error) {
	text, err := os.ReadFile(h.Path("/sys/block/" + filepath.Base(device) + "/size"))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512, err // sectors of 512 bytes, whatever the device's own
}
