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

# The same with a painter that draws by OpenGL, for a 3D card.
STREAM_PAINTER_GL := $B/stream/painter_gl
STREAM_INITRD_GL := $B/stream/initrd-gl

$(STREAM_PAINTER_GL): tests/stream/guest/painter_gl.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(STD) $(WARN) -O2 -D_GNU_SOURCE $(shell pkg-config --cflags libdrm) $< \
		$(shell pkg-config --libs libdrm gbm egl glesv2) -o $@

$(STREAM_INITRD_GL): $(STREAM_INITRD) $(STREAM_PAINTER_GL)
	$(call say,GEN)
	$(Q)tests/stream/guest/mkimage.py --mesa $@ $(DEBIAN) tests/stream/guest/init $(STREAM_PAINTER_GL) \
		$B/caprock-agent $B/caprock-auth $B/caprock-seat

TESTS_ALL += tests/stream/test_virgl.py
test-all-built test-stream: $(STREAM_INITRD_GL)
PACKAGES += libgbm-dev libegl-dev libgles-dev libegl-mesa0 libgl1-mesa-dri qemu-system-gui qemu-system-modules-opengl

TESTS += tests/stream/test_drm.py
test-built test-all-built test-stream: $(STREAM_INITRD)
PACKAGES += busybox-static
TESTS += tests/stream/hostile.py
TESTS += tests/stream/test_sound.py tests/stream/test_video.py
PACKAGES += pipewire pipewire-bin wireplumber dbus-daemon

TESTS += tests/stream/test_windows.py
TESTS_ALL += tests/stream/test_heads.py
PACKAGES += xdotool imagemagick x11-utils ffmpeg

# The bench beside TigerVNC and x11vnc.
STREAM_BENCH := $B/stream/netem $B/stream/measure
STREAM_BENCH_H := $(wildcard tests/stream/bench/*.h)
STREAM_BENCH_CC = $(CC) $(STD) $(WARN) -Wno-array-parameter -O2 -D_GNU_SOURCE

$B/stream/netem: tests/stream/bench/netem.c $(STREAM_BENCH_H)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(STREAM_BENCH_CC) $< -o $@

$B/stream/measure: $(addprefix tests/stream/bench/,measure.c desk.c screen.c) $(STREAM_BENCH_H)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(STREAM_BENCH_CC) $(filter %.c,$^) -lX11 -lXext -lXtst -lzstd -lm -lpthread -o $@

.PHONY: bench-stream
bench-stream: programs $(STREAM_BENCH) ## the stream beside TigerVNC and x11vnc (WORKLOAD=DIR, PARTS, ROUNDS, TURNS, KEYS, TLS=1, SVG=FILE, QUICK=1; root)
	@WORKLOAD="$(WORKLOAD)" tests/stream/bench/bench.py

BENCHES += bench-stream
PACKAGES += ffmpeg iproute2
