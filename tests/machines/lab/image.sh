#!/bin/sh
# Builds the machines' disk: Debian 12 as its own image for EC2 has it (netplan, systemd-networkd, chrony, cloud-init with the Ec2 source), and
# what a test needs: QEMU's guest agent, the journal on a port of its own, and trust in the lab's authority.
#
#   image.sh DIRECTORY    writes DIRECTORY/{disk,vmlinuz,initrd} and needs DIRECTORY/authority.pem
#
# Needs no root: mmdebstrap falls back to user namespaces, and fakeroot keeps the owners of files for mke2fs.
set -eu
to=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=linux-image-cloud-amd64,systemd-sysv,systemd-resolved,udev,dbus,netplan.io,isc-dhcp-client,cloud-init,python3,sudo,chrony
packages=$packages,nfs-common,nfs-kernel-server,xfsprogs,e2fsprogs,nvme-cli,iproute2,nftables,iputils-arping,iputils-ping,curl,openssl
packages=$packages,ca-certificates,docker.io,apparmor,git,qemu-guest-agent,zstd

# Only what finds the root: unpacking the modules of every machine takes half a minute in software emulation.
cat >"$work/modules" <<'END'
virtio_pci
virtio_blk
ext4
END
cat >"$work/initramfs" <<'END'
MODULES=list
COMPRESS=zstd
END

# Of Debian's image for EC2: every interface by DHCP, also one that comes later.
cat >"$work/netplan" <<'END'
network:
    version: 2
    ethernets:
        all-en:
            match:
                name: en*
            dhcp4: true
            dhcp4-overrides:
                use-domains: true
            dhcp6: true
            dhcp6-overrides:
                use-domains: true
END
cat >"$work/cloud" <<'END'
datasource_list: [Ec2]
datasource:
    Ec2:
        strict_id: true
# Neither a server of SSH nor locales are here.
ssh_genkeytypes: []
locale: false
END
cat >"$work/time" <<'END'
server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4
END
cat >"$work/journal" <<'END'
[Unit]
Description=The journal, for who watches the machine from outside
DefaultDependencies=no
After=systemd-journald.service
Before=cloud-init-local.service
[Service]
ExecStart=/bin/sh -c 'until test -c /dev/virtio-ports/lab.journal; do sleep 1; done; exec journalctl --boot --lines=all --follow --output=short-precise >/dev/virtio-ports/lab.journal'
Restart=always
[Install]
WantedBy=sysinit.target
END
# Packages that a test wants the machine to install itself are taken away before anything else runs, once.
cat >"$work/without" <<'END'
[Unit]
Description=Takes packages away
DefaultDependencies=no
ConditionKernelCommandLine=lab.without
ConditionPathExists=!/var/lib/lab-without
After=local-fs.target
Before=sysinit.target cloud-init-local.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'dpkg --purge $(tr " " "\\n" </proc/cmdline | sed -n "s/^lab.without=//p") && touch /var/lib/lab-without'
[Install]
WantedBy=sysinit.target
END

# What follows the packages' own scripts. Masked is what a machine of a test would only wait for; what the agent starts by itself is off, since on
# a stock image it is not even there.
cat >"$work/customize" <<'END'
#!/bin/sh
set -eu
chroot "$1" update-ca-certificates
chroot "$1" update-initramfs -u
chroot "$1" systemctl enable lab-journal.service lab-without.service systemd-networkd systemd-resolved
chroot "$1" systemctl disable nfs-server.service docker.service docker.socket containerd.service
chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer \
	nfs-blkmap.service getty@tty1.service apparmor.service
sed -i '/^pool /d' "$1/etc/chrony/chrony.conf"
echo 'LABEL=root / ext4 defaults 0 1' >"$1/etc/fstab"
: >"$1/etc/machine-id"
rm -f "$1/etc/hostname"
cp "$1"/boot/vmlinuz-* "$1/boot/vmlinuz"
cp "$1"/boot/initrd.img-* "$1/boot/initrd"
END
cat >"$work/prepare" <<'END'
#!/bin/sh
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/local/share/ca-certificates"
END
chmod 755 "$work" "$work/prepare" "$work/customize" # in a user namespace somebody else runs them

mmdebstrap --variant=minbase --include="$packages" \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook="$work/prepare" \
	--essential-hook="upload $work/initramfs /etc/initramfs-tools/conf.d/lab" \
	--customize-hook="upload $work/modules /etc/initramfs-tools/modules" \
	--customize-hook="upload $work/netplan /etc/netplan/90-default.yaml" \
	--customize-hook="upload $work/cloud /etc/cloud/cloud.cfg.d/99-lab.cfg" \
	--customize-hook="upload $work/time /etc/chrony/sources.d/lab.sources" \
	--customize-hook="upload $work/journal /etc/systemd/system/lab-journal.service" \
	--customize-hook="upload $work/without /etc/systemd/system/lab-without.service" \
	--customize-hook="upload $to/authority.pem /usr/local/share/ca-certificates/lab.crt" \
	--customize-hook="$work/customize" \
	bookworm "$work/root.tar"

tar -xf "$work/root.tar" -C "$to" --strip-components=2 ./boot/vmlinuz ./boot/initrd
mkdir "$work/root"
fakeroot sh -c "tar -xf '$work/root.tar' -C '$work/root' --exclude='./dev/*' --exclude='./boot/*' && rm '$work/root.tar' &&
	mke2fs -q -t ext4 -L root -d '$work/root' '$to/disk.new' 6G"
mv "$to/disk.new" "$to/disk"
