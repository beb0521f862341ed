# Peers of other makes, people at keyboards, and what the agent lets whom do.
TESTS += $(addprefix tests/stream/test_,browser.py console.py cursor.py extensions.py held.py keyboard.py policy.py tigervnc.py)
TESTS_ALL += tests/stream/test_keyboard_all.py tests/stream/test_policy_all.py
PACKAGES += novnc chromium ffmpeg openssl xclip x11-xkb-utils

# A boot sector as the guest of QEMU's own VNC server.
STREAM_CONSOLE := $B/stream/console.img

$(STREAM_CONSOLE): tests/stream/guest/console.S
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(CC) -m32 -c $< -o $@.o
	$(Q)ld -m elf_i386 -Ttext=0x7c00 --oformat binary $@.o -o $@
	$(Q)truncate -s 1440K $@

test-built test-all-built test-stream: $(STREAM_CONSOLE)
