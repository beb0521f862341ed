# The remote viewer: agent, its helper, viewer, their tests and benches. Plain Linux.
V_PKGS := x264 libavcodec libavutil gnutls libzstd zlib libjpeg xext xdamage xfixes xrandr xtst x11 xi sdl2 libdrm nettle opus
# Texts for people may be cut; everything else is checked for length.
V_CFLAGS = $(shell pkg-config --cflags $(V_PKGS) 2>/dev/null) -O3 -Wno-format-truncation
# PipeWire's library is loaded at run time; its headers are not held to our warnings.
V_CFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libpipewire-0.3 2>/dev/null))
V_LIBS = $(shell pkg-config --libs $(V_PKGS) 2>/dev/null) -lseccomp -ldl -lm -lpthread

V_COMMON := $(sort $(wildcard viewer/proto/*.c viewer/codec/*.c viewer/net/*.c))
V_AGENT := $(sort $(wildcard viewer/agent/*.c viewer/agent/audio/*.c viewer/agent/capture/*.c viewer/agent/input/*.c))
V_CLIENT := $(sort $(wildcard viewer/client/*.c))
V_AUTH := viewer/agent/helper/auth.c
V_SEAT := viewer/agent/helper/seat.c
V_ALL := $(V_COMMON) $(V_AGENT) $(V_CLIENT) $(V_AUTH) $(V_SEAT)
V_ALL_O := $(V_ALL:%.c=$B/host/%.o)

ALL += $B/caprock-agent $B/caprock-viewer $B/caprock-auth $B/caprock-seat

$(V_ALL_O): HOST_CFLAGS += $(V_CFLAGS)

$B/caprock-agent: $(V_COMMON:%.c=$B/host/%.o) $(V_AGENT:%.c=$B/host/%.o) $B/host/core/base/err.o
	$(call say,LD)
	$(Q)$(CC) $^ $(V_LIBS) -o $@

$B/caprock-viewer: $(V_COMMON:%.c=$B/host/%.o) $(V_CLIENT:%.c=$B/host/%.o) $B/host/core/base/err.o $B/host/core/base/font.o
	$(call say,LD)
	$(Q)$(CC) $^ $(V_LIBS) -o $@

$B/caprock-auth: $(V_AUTH:%.c=$B/host/%.o)
	$(call say,LD)
	$(Q)$(CC) $^ -lpam -lcrypt -o $@

$B/caprock-seat: $(V_SEAT:%.c=$B/host/%.o)
	$(call say,LD)
	$(Q)$(CC) $^ $(shell pkg-config --libs libdrm 2>/dev/null) -o $@

# Unit tests of the wire and the codecs, with sanitizers.
V_SAN_O := $(V_COMMON:%.c=$B/san/%.o)
V_UNIT := $(sort $(wildcard tests/stream/unit/test_*.c))
V_UNIT_BIN := $(V_UNIT:tests/stream/unit/%.c=$B/stream/%)
$(V_SAN_O) $(V_UNIT:%.c=$B/san/%.o): SAN_CFLAGS += $(V_CFLAGS) -O1

$B/stream/libcommon-san.a: $(V_SAN_O) $B/san/core/base/err.o
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$B/stream/test_%: $B/san/tests/stream/unit/test_%.o $B/stream/libcommon-san.a
	$(Q)$(CC) $(SAN) $(filter %.o,$^) $(filter %.a,$^) $(V_LINK) $(V_LIBS) -lcmocka -o $@

# Parts of one end that stand alone.
V_PARTS_test_sound := viewer/client/jitter.c
V_PARTS_test_encoder := $(addprefix viewer/agent/,coder.c encoder.c native_out.c native_video.c link.c desktop.c capture/map.c)
V_PARTS_test_link := viewer/agent/link.c
V_PARTS_test_uinput := $(addprefix viewer/agent/input/,uinput.c scancodes.c keysyms.c)
V_PARTS_test_hand := $(addprefix viewer/client/,axes.c client.c jitter.c kept.c on_native.c on_rfb.c on_sound.c open_h264.c pen.c pin.c playout.c say.c)
V_PARTS_test_playout := $(filter-out viewer/client/axes.c,$(V_PARTS_test_hand))
V_PARTS_O := $(patsubst %.c,$B/san/%.o,$(V_PARTS_test_sound) $(V_PARTS_test_encoder) $(V_PARTS_test_link) $(V_PARTS_test_uinput) $(V_PARTS_test_hand))
$(V_PARTS_O): SAN_CFLAGS += $(V_CFLAGS) -O1
$B/stream/test_sound: $(V_PARTS_test_sound:%.c=$B/san/%.o)
$B/stream/test_link: $(V_PARTS_test_link:%.c=$B/san/%.o)
$B/stream/test_uinput: $(V_PARTS_test_uinput:%.c=$B/san/%.o)
$B/stream/test_uinput: V_LINK := -Wl,--wrap=ioctl
$B/stream/test_hand: $(V_PARTS_test_hand:%.c=$B/san/%.o)
$B/stream/test_playout: $(V_PARTS_test_playout:%.c=$B/san/%.o)
$B/stream/test_encoder: $(V_PARTS_test_encoder:%.c=$B/san/%.o)

TESTS += $(V_UNIT_BIN)
TESTS += tests/stream/endtoend.py tests/stream/test_metrics.py

# Fuzz targets of the wire and the decoders.
V_FUZZ := $(sort $(wildcard tests/stream/fuzz/fuzz_*.c))
V_FUZZ_BIN := $(V_FUZZ:tests/stream/fuzz/%.c=$B/stream/%)
FUZZ_BIN += $(V_FUZZ_BIN)

# The client's own parsers, without its window and its main().
V_FUZZED := $(V_COMMON) $(addprefix viewer/client/,client.c kept.c jitter.c open_h264.c on_native.c on_rfb.c on_sound.c pin.c playout.c say.c)

$B/stream/fuzz_%: tests/stream/fuzz/fuzz_%.c $(V_FUZZED) core/base/err.c
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(CLANG) $(STD) $(WARN) -O1 -g -D_GNU_SOURCE $(V_CFLAGS) -O1 -Wno-unknown-warning-option \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $^ $(V_LIBS) -o $@

PACKAGES += libx264-dev libavcodec-dev libavutil-dev libgnutls28-dev nettle-dev libzstd-dev zlib1g-dev \
	libjpeg62-turbo-dev libxxhash-dev libx11-dev libxext-dev libxdamage-dev libxfixes-dev libxrandr-dev libxtst-dev libxi-dev \
	libsdl2-dev libdrm-dev libseccomp-dev libopus-dev libpipewire-0.3-dev libpam0g-dev libcrypt-dev pkg-config xvfb tigervnc-viewer \
	tigervnc-standalone-server tigervnc-common x11vnc x11-xserver-utils
# Headers alone: the agent loads the libraries when a framebuffer needs them.
PACKAGES += libgbm-dev libegl-dev libgles-dev

.PHONY: test-stream
test-stream: programs $(V_UNIT_BIN) ## the remote viewer's tests
	@tests/run $(V_UNIT_BIN) $(filter tests/stream/%,$(TESTS) $(TESTS_ALL))
