# The demonstration: two workstations with devices of their own, their desktops over the network.

PACKAGES += mmdebstrap squashfs-tools kmod cpio imagemagick xdotool xvfb qemu-system-gui qemu-system-modules-opengl

DEMO := $B/demo
DEMO_IMAGE := $(DEMO)/image/root.squashfs

$(DEMO)/attack: tests/demo/attack.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(STD) $(WARN) -O2 -D_GNU_SOURCE -static $< -o $@

$(DEMO)/survey.glb: tests/demo/survey.py
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< $@

# What is ours in the image.
$(DEMO)/ours: $B/caprock $B/caprock-agent $B/caprock-seat $B/caprock-auth $(DEMO)/attack $(DEMO)/survey.glb
	$(Q)rm -rf $@
	$(Q)install -D -m 755 -t $@/usr/bin $(filter $B/caprock%,$^)
	$(Q)install -m 755 $(DEMO)/attack $@/usr/bin/caprock-demo-attack
	$(Q)install -D -m 644 -t $@/usr/share/caprock-demo $(DEMO)/survey.glb
	@touch $@

$(DEMO_IMAGE): $(DEMO)/ours $(DEBIAN_VMLINUZ) $(shell find tests/demo/image -type f)
	$(Q)tests/demo/image/build $(@D) $(wildcard $(DEBIAN)/linux-image-*.deb) $(DEMO)/ours

demo: deps ## two workstations with GPU, network and disk of their own, shown by the viewer (DEMO=amd, DEMO_KEEP=1)
	@$(MAKE) --no-print-directory programs $(DEMO_IMAGE)
	@tests/demo/demo.py
