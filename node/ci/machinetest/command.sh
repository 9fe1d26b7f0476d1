#!/bin/sh
# A command of the test machine. Its file name selects the command. $MACHINE is the folder of the machine's state, $ROOT that of its files.
set -eu
name=${0##*/}
read -r count <"$MACHINE/count"
count=$((count + 1))
echo "$count" >"$MACHINE/count"
# The entries end with the record separator, because arguments may contain new lines.
printf '%s %s\036' "$name" "$*" >>"$MACHINE/log"

# die FILE: if FILE contains the number of this command, waits until the test kills it.
die() {
	turn=
	if [ -f "$MACHINE/$1" ]; then read -r turn <"$MACHINE/$1"; fi
	if [ "$turn" = "$count" ]; then
		: >"$MACHINE/killed"
		exec sleep 60
	fi
}
die kill-before

for last; do :; done
code=0
case $name in
dpkg-query)
	shift 2
	for package; do
		if [ -f "$MACHINE/package-$package" ]; then echo installed; else echo not-installed; fi
	done
	;;
apt-get)
	begin=
	for word; do
		if [ -n "$begin" ] && [ "${word#-}" = "$word" ]; then : >"$MACHINE/package-$word"; fi
		if [ "$word" = install ]; then begin=yes; fi
	done
	;;
id) [ -f "$MACHINE/user-$last" ] || code=1 ;;
useradd)
	# A second useradd for the same user fails.
	if [ -f "$MACHINE/user-$last" ]; then code=9; else : >"$MACHINE/user-$last"; fi
	;;
usermod) [ -f "$MACHINE/user-$last" ] || code=6 ;;
chown) [ -e "$last" ] || code=1 ;;
nft | sysctl) [ -s "${last#--load=}" ] || code=1 ;;
systemctl)
	case $1 in
	start)
		[ -f "$ROOT/etc/systemd/system/$last" ] || [ "$last" = docker.service ] || code=5
		[ "$code" -ne 0 ] || echo active >"$MACHINE/unit-$last"
		;;
	stop)
		for unit; do
			case $unit in
			*.service | *.socket) if [ -f "$MACHINE/hold-$unit" ]; then echo deactivating >"$MACHINE/unit-$unit"; else rm -f "$MACHINE/unit-$unit"; fi ;;
			esac
		done
		;;
	show)
		state=inactive
		if [ -f "$MACHINE/unit-$last" ]; then read -r state <"$MACHINE/unit-$last" || state=inactive; fi
		if [ "$state" = deactivating ] && [ ! -f "$MACHINE/hold-$last" ]; then
			rm "$MACHINE/unit-$last"
			state=inactive
		fi
		echo "$state"
		;;
	esac
	;;
systemd-run)
	while [ "${1#-}" != "$1" ]; do
		case $1 in
		--property=EnvironmentFile=*)
			set -a
			# shellcheck disable=SC1090
			. "$ROOT${1#--property=EnvironmentFile=}"
			set +a
			;;
		esac
		shift
	done
	program=$1
	shift
	if [ -x "$ROOT$program" ]; then program=$ROOT$program; fi
	# Like the real systemd-run, it becomes the command, so that a kill reaches the command; except when the kill comes after it.
	if [ ! -f "$MACHINE/kill-after" ]; then exec "$program" "$@"; fi
	"$program" "$@" || code=$?
	;;
gitlab-runner) [ -s "$ROOT$3" ] || code=1 ;;
blkid)
	disk="$MACHINE/disk-${last##*/}"
	if [ -s "$disk" ]; then cat "$disk"; else code=2; fi
	;;
mkfs.ext4) printf 'TYPE=ext4\nLABEL=beachhead-scratch\n' >"$MACHINE/disk-${last##*/}" ;;
mount)
	# A second mount at the same place fails.
	if grep -q " $last " "$ROOT/proc/self/mounts"; then code=32; else echo "disk $last type" >>"$ROOT/proc/self/mounts"; fi
	;;
vgs | lvs) [ -f "$MACHINE/$name" ] || code=5 ;;
vgcreate)
	: >"$MACHINE/vgs"
	shift
	for disk; do echo TYPE=LVM2_member >"$MACHINE/disk-${disk##*/}"; done
	;;
lvcreate) : >"$MACHINE/lvs" ;;
pvs)
	grep -qs LVM2_member "$MACHINE/disk-${last##*/}" || code=5
	if [ -f "$MACHINE/group" ]; then cat "$MACHINE/group"; fi
	;;
esac

die kill-after
exit "$code"
