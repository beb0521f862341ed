# The same guest below KVM and Xen. Their packages are unpacked below build/peers, 250 MB, and not installed.
PACKAGES += mmdebstrap cpio

.PHONY: bench-peers
bench-peers: programs $(DEBIAN_VMLINUZ) ## the guest of bench-metal below Debian's KVM + QEMU and Xen (optional, ten minutes or more)
	@tests/bench/peers/build $B/peers $(DEBIAN)/linux-image-*.deb $B/guests/bench.elf
	@tests/bench/peers.py
