//go:build machines

package lab

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Machine is an instance that runs in QEMU.
type Machine struct {
	// ID is the instance's, i-0123456789abcdef0.
	ID string
	// Name begins the names of its files: NAME.console and NAME.journal.
	Name string

	lab      *Lab
	process  *exec.Cmd
	Gone     chan struct{}
	qmp      *monitor
	guest    *monitor
	folder   string // of its sockets, short since the kernel allows 108 bytes
	ports    map[string]string
	launched time.Time
}

// slots is the number of volumes and interfaces that can be plugged in at a time.
const slots = 6

// processors are the models by accelerator. In software emulation a simple model is faster: the kernel would use, and test, instructions
// that are expensive to emulate.
var processors = map[string]string{"kvm": "host", "tcg": "Nehalem"}

// bootMachine boots a machine with its first interface.
func (l *Lab) bootMachine(m *Machine, first *card) {
	l.T.Helper()
	name, id := m.Name, m.ID
	m.launched = time.Now()
	folder, err := os.MkdirTemp("", "lab-")
	l.Must(err)
	m.folder = folder
	l.T.Cleanup(func() { _ = os.RemoveAll(folder) })
	disk := filepath.Join(l.folder, id+".qcow2")
	making := []string{"create", "-q", "-f", "qcow2", "-b", l.image.filePath("disk"), "-F", "raw", disk}
	if l.DiskGiB > 0 {
		making = append(making, fmt.Sprint(l.DiskGiB, "G"))
	}
	if out, err := exec.Command("qemu-img", making...).CombinedOutput(); err != nil {
		l.T.Fatalf("%s's disk: %v\n%s", name, err, out)
	}
	l.Must(l.listenForCard(m, "first", first))
	// no_timer_check is the default under KVM. On a busy machine ticks come too late, and the kernel would panic.
	kernel := "root=LABEL=root rw console=ttyS0 mitigations=off random.trust_cpu=on cryptomgr.notests no_timer_check"
	if l.MissingPackage != "" {
		kernel += " lab.without=" + l.MissingPackage
	}
	arguments := []string{
		"-name", name, "-machine", "q35", "-accel", l.accelerator, "-cpu", processors[l.accelerator], "-m", fmt.Sprint(l.MemoryMiB), "-smp", "1",
		"-nodefaults", "-no-user-config",
		"-display", "none", "-serial", "file:" + l.LogFile(name+".console"),
		"-kernel", l.image.filePath("vmlinuz"), "-initrd", l.image.filePath("initrd"),
		"-append", kernel,
		// cloud-init recognizes a machine of EC2 if both are equal and begin with ec2.
		"-smbios", fmt.Sprintf("type=1,uuid=%[1]s,serial=%[1]s", serialNumber(id)),
		"-drive", "file=" + disk + ",if=none,id=root,format=qcow2,cache=unsafe", "-device", "virtio-blk-pci,drive=root", "-device",
		"virtio-rng-pci",
		"-netdev", "stream,id=first,server=off,addr.type=unix,addr.path=" + m.socketPath("first"),
		"-device", "virtio-net-pci,netdev=first,mac=" + first.mac.String(),
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=guest,server=on,wait=off,path=" + m.socketPath("guest"), "-device",
		"virtserialport,chardev=guest,name=org.qemu.guest_agent.0",
		"-chardev", "file,id=journal,path=" + l.LogFile(name+".journal"), "-device", "virtserialport,chardev=journal,name=lab.journal",
		"-qmp", "unix:" + m.socketPath("qmp") + ",server=on,wait=off",
	}
	for slot := range slots {
		arguments = append(arguments, "-device", fmt.Sprintf("pcie-root-port,id=slot%[1]d,chassis=%[2]d,slot=%[2]d", slot, slot+1))
	}
	m.process = exec.Command("qemu-system-x86_64", arguments...)
	said, err := os.Create(l.LogFile(name + ".qemu"))
	l.Must(err)
	m.process.Stdout, m.process.Stderr = said, said
	m.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that is killed leaves no machine behind
	l.Must(m.process.Start())
	go func() {
		_ = m.process.Wait()
		_ = said.Close()
		close(m.Gone)
	}()
	l.T.Cleanup(m.CutPower)
	m.qmp = m.dialSocket("qmp")
	l.Must(m.qmp.finishGreeting())
	m.guest = m.dialSocket("guest")
}

func (m *Machine) socketPath(name string) string { return filepath.Join(m.folder, name) }

func (m *Machine) dialSocket(name string) *monitor {
	m.lab.T.Helper()
	var connection *monitor
	m.lab.WaitFor(30*time.Second, name+" of "+m.Name, func() error {
		select {
		case <-m.Gone:
			said, _ := os.ReadFile(m.lab.LogFile(m.Name + ".qemu"))
			m.lab.T.Fatalf("QEMU ended:\n%s", said)
		default:
		}
		made, err := dialMonitor(m.socketPath(name))
		connection = made
		return err
	})
	return connection
}

// listenForCard listens for QEMU to connect an interface.
func (l *Lab) listenForCard(m *Machine, name string, c *card) error {
	listener, err := net.Listen("unix", m.socketPath(name))
	if err != nil {
		return err
	}
	go func() {
		defer func() { _ = listener.Close() }()
		conn, err := listener.Accept()
		if err == nil {
			l.fabric.serveMachine(c, conn)
		}
	}()
	return nil
}

// RunCommand runs a shell command as root and returns its output. The test fails if the command fails or takes more than a minute.
func (m *Machine) RunCommand(command string) string {
	m.lab.T.Helper()
	out, err := m.TryCommand(time.Minute, command)
	if err != nil {
		m.lab.T.Fatalf("%s: %s: %v", m.Name, command, err)
	}
	return out
}

// TryCommand runs a shell command as root. It returns an error if the command fails, if it does not end within the limit, and if the
// machine does not answer, as during boot.
func (m *Machine) TryCommand(limit time.Duration, command string) (string, error) {
	out, code, err := m.guest.runShell(limit, command)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, out)
	}
	return strings.TrimRight(out, "\n"), err
}

// BootLimit is generous: a boot takes about a minute in software emulation, and several on a busy machine.
const BootLimit = 8 * time.Minute

// WaitBooted waits until commands work and cloud-init has succeeded. It returns the time since the launch.
func (m *Machine) WaitBooted() time.Duration {
	m.lab.T.Helper()
	m.lab.WaitFor(BootLimit, m.Name+" booted", func() error {
		out, err := m.TryCommand(30*time.Second, "cloud-init status --long")
		if strings.Contains(out, "status: error") {
			m.lab.T.Fatalf("%s: %s", m.Name, out)
		}
		if err == nil && !strings.Contains(out, "status: done") {
			err = fmt.Errorf("cloud-init: %s", out)
		}
		return err
	})
	return time.Since(m.launched)
}

// CutPower cuts the power. EC2 reports the instance as running until TerminateInstance.
func (m *Machine) CutPower() {
	if m.process != nil && m.process.Process != nil {
		_ = m.process.Process.Kill()
		<-m.Gone
	}
}

// PowerCycle resets the machine as a power switch does, without shutting down.
func (m *Machine) PowerCycle() {
	m.lab.T.Helper()
	m.launched = time.Now()
	m.lab.Must(m.qmp.execute(10*time.Second, "system_reset", struct{}{}, nil))
}

// SetNetworkCut disconnects all interfaces of the machine from the network, or connects them again.
func (m *Machine) SetNetworkCut(off bool) {
	m.lab.EC2.mutex.Lock()
	defer m.lab.EC2.mutex.Unlock()
	m.lab.fabric.mutex.Lock()
	defer m.lab.fabric.mutex.Unlock()
	for _, n := range m.lab.EC2.interfaces {
		if n.holder == m.ID {
			n.card.cut = off
		}
	}
}

// ReadJournal returns the machine's journal so far.
func (m *Machine) ReadJournal() string {
	text, _ := os.ReadFile(m.lab.LogFile(m.Name + ".journal"))
	return string(text)
}

// serialNumber derives from an instance's id a UUID in the form that EC2's machines have.
func serialNumber(id string) string {
	hexadecimal := strings.TrimPrefix(id, "i-") + strings.Repeat("0", 32)
	return fmt.Sprintf("ec2%s-%s-4%s-8%s-%s", hexadecimal[:5], hexadecimal[5:9], hexadecimal[9:12], hexadecimal[12:15], hexadecimal[15:27])
}
