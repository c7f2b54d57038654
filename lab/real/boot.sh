# Boots one lab host, started by `unshare` in new mount, process, network, name and IPC namespaces as process 1 there.
#   boot.sh FOLDER NAME IMAGE
# FOLDER holds the host's disk, and in `network` the commands of ip(8) that set its interface up; IMAGE is the read-only
# root file system under it.
# Waits for one line on standard input before it goes on: by then the cable (eth0) is plugged in. If whoever boots the
# host dies before, standard input ends, and the half-made host with it.
set -eu
folder=$1 name=$2 image=$3
read -r _ || exit 1
root=$folder/root
mount -t overlay overlay -o "lowerdir=$image,upperdir=$folder/disk,workdir=$folder/work" "$root"
cd "$root"
mount -t proc proc proc
mount -t tmpfs -o size=64m,mode=755 tmpfs run
mount -t tmpfs -o size=256m,mode=1777 tmpfs tmp
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount --bind /dev/null dev/console
hostname "$name"
ip -batch "$folder/network"
mkdir -p run/machine
pivot_root . run/machine
cd /
umount -l /run/machine
rmdir /run/machine
exec chroot / /etc/lab/init </dev/null
