# The drm test's guest: a painter that plays desktop, the agent and its helper, in an initrd.
STREAM_PAINTER := $B/stream/painter
STREAM_INITRD := $B/stream/initrd

$(STREAM_PAINTER): tests/stream/guest/painter.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(STD) $(WARN) -O2 -D_GNU_SOURCE $(shell pkg-config --cflags libdrm) $< $(shell pkg-config --libs libdrm) -o $@

$(STREAM_INITRD): tests/stream/guest/mkimage.py tests/stream/guest/init $(STREAM_PAINTER) \
		$B/caprock-agent $B/caprock-auth $B/caprock-seat $(DEBIAN_VMLINUZ)
	$(call say,GEN)
	$(Q)tests/stream/guest/mkimage.py $@ $(DEBIAN) tests/stream/guest/init $(STREAM_PAINTER) \
		$B/caprock-agent $B/caprock-auth $B/caprock-seat

TESTS += tests/stream/test_drm.py
test-built test-all-built test-stream: $(STREAM_INITRD)
PACKAGES += busybox-static
