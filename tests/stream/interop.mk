# Peers of other makes, and people at keyboards.
TESTS += tests/stream/test_keyboard.py tests/stream/test_held.py
TESTS_ALL += tests/stream/test_keyboard_all.py
PACKAGES += novnc x11-xkb-utils
TESTS += tests/stream/test_cursor.py

# QEMU's own VNC server, with a boot sector for a guest.
STREAM_CONSOLE := $B/stream/console.img

$(STREAM_CONSOLE): tests/stream/guest/console.S
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(CC) -m32 -c $< -o $@.o
	$(Q)ld -m elf_i386 -Ttext=0x7c00 --oformat binary $@.o -o $@
	$(Q)truncate -s 1440K $@

TESTS += tests/stream/test_console.py
test-built test-all-built test-stream: $(STREAM_CONSOLE)
PACKAGES += openssl

TESTS += tests/stream/test_browser.py
PACKAGES += chromium ffmpeg

# What plain clients are offered, and what the agent lets whom do.
TESTS += tests/stream/test_extensions.py tests/stream/test_policy.py
TESTS_ALL += tests/stream/test_policy_all.py
PACKAGES += xclip x11-xserver-utils

TESTS += tests/stream/test_tigervnc.py
