#!/bin/sh
# What firmware and boot loader do for a machine of metal.
set -e
mount -o remount,rw /sys
# systemd needs the unified hierarchy, whichever this container was given.
while umount -l /sys/fs/cgroup 2>/dev/null; do :; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# A container keeps the kernel's boot id; a machine that reboots has a new one.
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
test -e /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
exec /lib/systemd/systemd
