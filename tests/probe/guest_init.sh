#!/bin/busybox sh
# In the guest: drivers on, two functions to vfio-pci, then what caprock, lspci and the kernel say, to ttyS1.
export PATH=/bin:/sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
stty -F /dev/ttyS1 raw -echo 115200

for m in virtio_pci virtio_gpu bochs igb nvme vfio_iommu_type1 vfio_pci; do
	modprobe $m || echo "init: no module $m"
done
for d in /sys/bus/pci/devices/*; do
	[ "$(cat $d/vendor):$(cat $d/device)" = 0x8086:0x10c9 ] && echo 2 >$d/sriov_numvfs
done
sleep 1

# The disk controller and the first virtual function go to VFIO.
take() {
	[ -e $1/driver ] && echo ${1##*/} >$1/driver/unbind
	echo vfio-pci >$1/driver_override
	echo ${1##*/} >/sys/bus/pci/drivers_probe
}
for d in /sys/bus/pci/devices/*; do
	[ "$(cat $d/class)" = 0x010802 ] && take $d
	[ -e $d/physfn ] && [ -z "$vf" ] && vf=$d && take $d
done

{
	echo "== probe"
	caprock probe --json
	echo "== status $?"
	echo "== yaml"
	caprock probe -o -
	echo "== listing"
	caprock probe
	echo "== nobody"
	su nobody -c "caprock probe --json"
	echo "== status $?"
	echo "== lspci"
	lspci -D -n -vv
	echo "== sysfs"
	for d in /sys/bus/pci/devices/*; do
		group=$(readlink $d/iommu_group) driver=$(readlink $d/driver)
		echo "${d##*/} group=${group##*/} driver=${driver##*/} reset=$(cat $d/reset_method 2>/dev/null | tr ' ' ,)"
	done
	echo "== cpus"
	for c in /sys/devices/system/cpu/cpu[0-9]*/topology; do
		echo "$(cat $c/physical_package_id) $(cat $c/core_id) $(cat $c/thread_siblings_list)"
	done
	echo "== drm"
	for c in /sys/class/drm/card*-*; do
		echo "$(basename $(readlink -f $c/../device)) ${c##*/} $(cat $c/status) modes=$(wc -l <$c/modes) edid=$(wc -c <$c/edid)"
	done
	echo "== end"
} >/dev/ttyS1 2>/dev/ttyS0
sleep 1
reboot -f
