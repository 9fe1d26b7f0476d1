// Package disk prepares the data volume of a cache server: it finds the block device, creates a file system on a volume
// that is provably blank and on no other, mounts the volume, and grows the file system.
//
// The file system is ext4. It can grow while it is mounted, every Debian image includes its tools, so that a server
// installs nothing for it, and a check repairs what a crash leaves behind. We refused XFS: it can grow too, but its
// tools are one more package to install between boot and ready. Both file systems are never shrunk.
package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// FindDevice returns the block device of an EBS volume, such as /dev/nvme1n1, and "" when it does not exist. The serial
// number of the device is the volume's ID without its dash. Source: Amazon EBS user guide, "Map Amazon EBS volumes to
// NVMe device names". The device name in the request to EC2 does not matter.
func FindDevice(h host.Host, volume string) (string, error) {
	// For an NVMe device the controller holds the serial number; other devices hold their own.
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
			continue // a device that disappears meanwhile is not ours
		}
		name := strings.Split(strings.TrimPrefix(file, h.Path("/sys/block")+"/"), "/")[0]
		if found != "" && found != name {
			return "", fmt.Errorf("found two devices, %s and %s, with the serial number of %s; "+
				"terminate this machine (its group replaces it)", found, name, volume)
		}
		found = name
	}
	if found == "" {
		return "", nil
	}
	// Commands and the kernel's mount table use the device itself, not a link to it.
	return filepath.EvalSymlinks(h.Path("/dev/" + found))
}

// DeviceSize returns the size of a device in bytes, as the kernel reports it. It changes as soon as a volume grows,
// while the file system keeps its size until GrowFileSystem.
func DeviceSize(h host.Host, device string) (int64, error) {
	text, err := os.ReadFile(h.Path("/sys/block/" + filepath.Base(device) + "/size"))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512, err // the kernel counts sectors of 512 bytes, whatever the device uses
}
