//go:build machines

package lab

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// runningInstance returns the instance of a call if it runs. The caller holds the mutex.
func (e *EC2) runningInstance(id string) (*instance, error) {
	one := e.instances[id]
	if one == nil {
		return nil, faultf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
	}
	if one.state != "running" {
		return nil, faultf("IncorrectState", "Instance '%s' is not 'running'.", id)
	}
	return one, nil
}

func (e *EC2) attachVolume(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	id, device := f.getValue("VolumeId"), f.getValue("Device")
	v := e.volumes[id]
	if v == nil {
		return nil, faultf("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
	}
	one, err := e.runningInstance(f.getValue("InstanceId"))
	switch {
	case err != nil:
		return nil, err
	case v.holder != "":
		return nil, faultf("VolumeInUse", "%s is already attached to an instance", id)
	case v.zone != one.zone:
		return nil, faultf("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", id, one.id)
	case !strings.HasPrefix(device, "/dev/sd") && !strings.HasPrefix(device, "/dev/xvd"):
		return nil, faultf("InvalidParameterValue", "Value (%s) for parameter device is invalid. %s is not a valid EBS device name.", device,
			device)
	}
	for _, other := range e.volumes {
		if other.holder == one.id && other.device == device {
			return nil, faultf("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is already in use", device, device)
		}
	}
	v.holder, v.device, v.state = one.id, device, "attaching"
	go e.plugVolume(one.machine, v)
	return attachmentElements(v), nil
}

func attachmentElements(v *volume) []element {
	return []element{newLeaf("volumeId", v.id), newLeaf("instanceId", v.holder), newLeaf("device", v.device), newLeaf("status", v.state)}
}

// plugVolume plugs the volume into the running machine, as an NVMe disk with EC2's serial number.
func (e *EC2) plugVolume(m *Machine, v *volume) {
	port := m.takeSlot(v.id)
	err := m.qmp.execute(plugLimit, "blockdev-add", map[string]any{
		"driver": "raw", "node-name": v.id, "file": map[string]string{"driver": "file", "filename": v.file},
	}, nil)
	if err == nil {
		err = m.qmp.execute(plugLimit, "device_add", map[string]string{
			"driver": "nvme", "id": "d-" + v.id, "drive": v.id, "serial": strings.ReplaceAll(v.id, "-", ""), "bus": port,
		}, nil)
	}
	e.finishAttachment(m, err, func() { v.state = "attached" })
}

// finishAttachment ends an attachment, unless the machine ended meanwhile.
func (e *EC2) finishAttachment(m *Machine, err error, done func()) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err == nil {
		done()
		return
	}
	select {
	case <-m.Gone:
	default:
		e.lab.T.Errorf("plugging into %s: %v", m.Name, err)
	}
}

// takeSlot assigns a free slot of the machine to a device. A test that plugs in more devices than slots fails.
func (m *Machine) takeSlot(id string) string {
	m.lab.plugs.Lock()
	defer m.lab.plugs.Unlock()
	for slot := range slots {
		if name := "slot" + strconv.Itoa(slot); m.ports[name] == "" {
			m.ports[name] = id
			return name
		}
	}
	return "none"
}

// unplugDevice unplugs a device and waits until the guest has released it.
func (m *Machine) unplugDevice(id string) error {
	if err := m.qmp.execute(plugLimit, "device_del", map[string]string{"id": "d-" + id}, nil); err != nil {
		return err
	}
	for deadline := time.Now().Add(plugLimit); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var devices []struct{ Name string }
		if err := m.qmp.execute(plugLimit, "qom-list", map[string]string{"path": "/machine/peripheral"}, &devices); err != nil {
			return err
		}
		left := false
		for _, d := range devices {
			left = left || d.Name == "d-"+id
		}
		if !left {
			m.lab.plugs.Lock()
			defer m.lab.plugs.Unlock()
			for port, holder := range m.ports {
				if holder == id {
					delete(m.ports, port)
				}
			}
			return nil
		}
	}
	return fmt.Errorf("%s has not released %s within %s", m.Name, id, plugLimit)
}

func (e *EC2) detachVolume(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	id, from := f.getValue("VolumeId"), f.getValue("InstanceId")
	f.getValue("Force")
	v := e.volumes[id]
	switch {
	case v == nil:
		return nil, faultf("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
	case v.holder == "":
		return nil, faultf("IncorrectState", "Volume '%s' is in the 'available' state.", id)
	case from != "" && from != v.holder:
		return nil, faultf("InvalidAttachment.NotFound", "The volume '%s' is not attached to instance '%s'", id, from)
	}
	v.state = "detaching"
	answer := attachmentElements(v)
	go e.detachDevice(e.instances[v.holder].machine, v.id, "blockdev-del", map[string]string{"node-name": v.id},
		func() { v.holder, v.state, v.device = "", "", "" })
	return answer, nil
}

// detachDevice unplugs a device and then calls done. The devices of a dead machine are available at once. A guest that does not release a
// device keeps it.
func (e *EC2) detachDevice(m *Machine, id, command string, arguments map[string]string, done func()) {
	err := m.unplugDevice(id)
	// QEMU reports the device as removed some moments before it releases the file or socket behind it.
	for wait := err == nil; wait; {
		err = m.qmp.execute(plugLimit, command, arguments, nil)
		if wait = err != nil && strings.Contains(err.Error(), "is in use"); wait {
			time.Sleep(time.Second)
		}
	}
	select {
	case <-m.Gone:
		err = nil
	default:
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err != nil {
		e.lab.T.Logf("unplugging from %s: %v", m.Name, err)
		return
	}
	done()
}

func (e *EC2) attachInterface(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	id := f.getValue("NetworkInterfaceId")
	n := e.interfaces[id]
	if n == nil {
		return nil, faultf("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
	}
	index, err := strconv.Atoi(f.getValue("DeviceIndex"))
	if err != nil || index < 1 {
		return nil, faultf("InvalidParameterValue", "Invalid device index")
	}
	one, err := e.runningInstance(f.getValue("InstanceId"))
	if err != nil {
		return nil, err
	}
	if n.holder != "" {
		return nil, faultf("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", id)
	}
	for _, other := range e.interfaces {
		if other.holder == one.id && other.index == index {
			return nil, faultf("InvalidParameterValue", "Instance '%s' already has an interface attached at device index '%d'.", one.id, index)
		}
	}
	n.holder, n.index, n.state, n.attachment = one.id, index, "attaching", e.newID("eni-attach")
	go e.plugInterface(one.machine, n)
	return []element{newLeaf("attachmentId", n.attachment), newLeaf("networkCardIndex", 0)}, nil
}

// plugInterface plugs a card into the running machine, with a socket of its own.
func (e *EC2) plugInterface(m *Machine, n *netInterface) {
	port := m.takeSlot(n.id)
	socket := "n" + n.attachment
	err := e.lab.listenForCard(m, socket, n.card)
	if err == nil {
		err = m.qmp.execute(plugLimit, "netdev_add", map[string]any{
			"type": "stream", "id": n.id, "server": false, "addr": map[string]string{"type": "unix", "path": m.socketPath(socket)},
		}, nil)
	}
	if err == nil {
		err = m.qmp.execute(plugLimit, "device_add", map[string]string{
			"driver": "virtio-net-pci", "id": "d-" + n.id, "netdev": n.id, "mac": n.card.mac.String(), "bus": port,
		}, nil)
	}
	e.finishAttachment(m, err, func() { n.state = "attached" })
}

func (e *EC2) detachInterface(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	id := f.getValue("AttachmentId")
	f.getValue("Force")
	for _, n := range e.interfaces {
		if n.attachment != id || id == "" {
			continue
		}
		if n.index == 0 {
			return nil, faultf("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
		}
		n.state = "detaching"
		go e.detachDevice(e.instances[n.holder].machine, n.id, "netdev_del", map[string]string{"id": n.id},
			func() { n.holder, n.state, n.attachment = "", "", "" })
		return []element{newLeaf("return", true)}, nil
	}
	return nil, faultf("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist", id)
}

// GrowVolume enlarges a volume, as ModifyVolume does. A machine that has the volume sees its new size.
func (e *EC2) GrowVolume(id string, sizeGiB int) {
	e.lab.T.Helper()
	e.mutex.Lock()
	v := e.volumes[id]
	v.sizeGiB = sizeGiB
	one := e.instances[v.holder]
	e.mutex.Unlock()
	if one == nil {
		out, err := exec.Command("truncate", "-s", fmt.Sprint(sizeGiB, "G"), v.file).CombinedOutput()
		if err != nil {
			e.lab.T.Fatalf("%v\n%s", err, out)
		}
		return
	}
	e.lab.Must(one.machine.qmp.execute(plugLimit, "block_resize", map[string]any{"node-name": id, "size": int64(sizeGiB) << 30}, nil))
}
