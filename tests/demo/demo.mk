# The demonstration: two workstations with devices of their own, their desktops over the network.

PACKAGES += mmdebstrap uidmap squashfs-tools kmod cpio imagemagick xdotool xvfb qemu-system-gui qemu-system-modules-opengl

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

# Our programs come into the image as packages; the rest of what is ours is the demo's own.
$(DEMO)/packages: $B/caprock $(addprefix $B/caprock-,agent auth seat viewer completion.bash) $(HV) $(EFI) $(MAN) $B/version \
		$(wildcard docs/*.md docs/*.1 viewer/dist/* profiles/examples/*.yaml profiles/examples/machines/*.yaml) \
		Makefile LICENSE $(shell find tests/package/mkdeb tests/package/debian -type f)
	$(call say,DEB)
	$(Q)MAKE='$(MAKE)' tests/package/mkdeb $B/deb >/dev/null
	@mkdir -p $(@D)
	@touch $@

$(DEMO)/ours: $(DEMO)/attack $(DEMO)/survey.glb
	$(Q)rm -rf $@
	$(Q)install -D -m 755 $(DEMO)/attack $@/usr/bin/caprock-demo-attack
	$(Q)install -D -m 644 -t $@/usr/share/caprock-demo $(DEMO)/survey.glb
	@touch $@

$(DEMO_IMAGE): $(DEMO)/packages $(DEMO)/ours $(DEBIAN_VMLINUZ) $(shell find tests/demo/image -type f)
	$(Q)tests/demo/image/build $(@D) $(DEBIAN)/linux-image-*.deb $(DEMO)/ours $(addprefix $B/deb/,caprock_*.deb caprock-agent_*.deb)

TESTS += tests/demo/test_accel.py

# What no package can bring is looked for before packages are.
demo: ## two workstations with GPU, network and disk of their own, shown by the viewer (DEMO=amd, DEMO_KEEP=1, DEMO_KVM=no)
	@tests/demo/preflight $B
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory programs $(DEMO_IMAGE)
	@tests/demo/demo.py
