/*
 * What the desktop plays, from PipeWire: the monitor of its default sink, whichever that is now.
 *
 * The library is loaded at run time, so that the agent runs where there is none. PipeWire calls
 * process() on its own thread; samples go through a ring with one writer and one reader.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pipewire/pipewire.h>
#include <spa/param/audio/format-utils.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/audio/audio.h"
#include "viewer/agent/capture/capture.h"

#define LIBRARY "libpipewire-0.3.so.0"
#define RING	32768u /* samples a channel: 0.68 s; a power of two */

#define SYMBOLS(X)                  \
	X(pw_init)                  \
	X(pw_properties_new)        \
	X(pw_thread_loop_new)       \
	X(pw_thread_loop_destroy)   \
	X(pw_thread_loop_start)     \
	X(pw_thread_loop_stop)      \
	X(pw_thread_loop_get_loop)  \
	X(pw_stream_new_simple)     \
	X(pw_stream_destroy)        \
	X(pw_stream_connect)        \
	X(pw_stream_dequeue_buffer) \
	X(pw_stream_queue_buffer)

static struct {
#define MEMBER(name) __typeof__(name) *name;
	SYMBOLS(MEMBER)
} pw;

struct audio {
	struct pw_thread_loop *loop; /* NULL: stopped */
	struct pw_stream *stream;
	int event;
	atomic_bool gone;
	s16 ring[RING * SOUND_CHANNELS];
	/* Samples ever written and read; the difference lies in the ring. */
	_Atomic u64 wrote, took;
	_Atomic u64 wrote_us; /* when the last of them were */
};

static int load(char *error, size_t n)
{
	static const struct {
		const char *name;
		void **at;
	} list[] = {
#define ROW(name) {#name, (void **)&pw.name},
	    SYMBOLS(ROW)};
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!lib) {
		snprintf(error, n, "PipeWire is not installed (%s)", LIBRARY);
		return ERR_NOENT;
	}
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		*list[i].at = dlsym(lib, list[i].name);
		if (!*list[i].at) {
			snprintf(error, n, "%s has no %s: it is too old", LIBRARY, list[i].name);
			dlclose(lib);
			return ERR_VERSION;
		}
	}
	pw.pw_init(NULL, NULL); /* the library stays: it starts threads of its own */
	return 0;
}

static struct audio *pipewire_open(char *error, size_t n)
{
	struct audio *a;

	if (!pw.pw_init && load(error, n))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->event >= 0)
		return a;
	snprintf(error, n, "no descriptors: %m");
	free(a);
	return NULL;
}

static void wake(struct audio *a)
{
	u64 one = 1;

	if (write(a->event, &one, sizeof(one)) < 0)
		return; /* the counter is full: the reader is awake anyway */
}

/* On PipeWire's thread: takes no lock, asks for no memory. */
static void on_process(void *arg)
{
	struct audio *a = arg;
	struct pw_buffer *b = pw.pw_stream_dequeue_buffer(a->stream);

	if (!b)
		return;
	struct spa_data *d = &b->buffer->datas[0];
	u64 at = atomic_load_explicit(&a->wrote, memory_order_relaxed);
	u64 room = RING - (at - atomic_load_explicit(&a->took, memory_order_acquire));

	if (d->data && d->chunk->offset <= d->maxsize) {
		u32 bytes = d->chunk->size, most = d->maxsize - d->chunk->offset;
		u32 n = (bytes < most ? bytes : most) / (sizeof(s16) * SOUND_CHANNELS);
		const s16 *from = SPA_PTROFF(d->data, d->chunk->offset, const s16);

		/* A reader that sleeps for so long has lost the newest, not the order. */
		n = n < room ? n : (u32)room;
		for (u32 i = 0; i < n; i++)
			memcpy(&a->ring[(at + i) % RING * SOUND_CHANNELS],
			       from + (size_t)i * SOUND_CHANNELS, sizeof(s16) * SOUND_CHANNELS);
		atomic_store_explicit(&a->wrote_us, now_us(), memory_order_relaxed);
		/* Release: the reader finds the samples behind the count. */
		atomic_store_explicit(&a->wrote, at + n, memory_order_release);
	}
	pw.pw_stream_queue_buffer(a->stream, b);
	wake(a);
}

static void on_state(void *arg, enum pw_stream_state old, enum pw_stream_state state,
		     const char *why)
{
	struct audio *a = arg;

	if (state == PW_STREAM_STATE_ERROR ||
	    (state == PW_STREAM_STATE_UNCONNECTED && old != PW_STREAM_STATE_UNCONNECTED)) {
		atomic_store(&a->gone, true);
		wake(a);
	}
}

static const struct pw_stream_events events = {
    .version = PW_VERSION_STREAM_EVENTS,
    .state_changed = on_state,
    .process = on_process,
};

static void pipewire_stop(struct audio *a)
{
	u64 count;

	if (!a->loop)
		return;
	pw.pw_thread_loop_stop(a->loop);
	if (a->stream)
		pw.pw_stream_destroy(a->stream);
	pw.pw_thread_loop_destroy(a->loop);
	a->stream = NULL;
	a->loop = NULL;
	if (read(a->event, &count, sizeof(count)) < 0)
		return; /* nothing had been written */
}

static int pipewire_start(struct audio *a, char *error, size_t n)
{
	u8 room[1024];
	struct spa_pod_builder b = SPA_POD_BUILDER_INIT(room, sizeof(room));
	struct spa_audio_info_raw format = {
	    .format = SPA_AUDIO_FORMAT_S16,
	    .rate = SOUND_RATE,
	    .channels = SOUND_CHANNELS,
	    .position = {SPA_AUDIO_CHANNEL_FL, SPA_AUDIO_CHANNEL_FR}};
	const struct spa_pod *params[1];
	int e = -ENOMEM;

	atomic_store(&a->gone, false);
	atomic_store(&a->wrote, 0);
	atomic_store(&a->took, 0);
	a->loop = pw.pw_thread_loop_new("caprock-sound", NULL);
	if (!a->loop)
		goto fail;
	/* The loop does not run yet, so its lock is not needed. */
	a->stream = pw.pw_stream_new_simple(
	    pw.pw_thread_loop_get_loop(a->loop), "caprock-agent",
	    pw.pw_properties_new(PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_MEDIA_CATEGORY, "Capture",
				 PW_KEY_MEDIA_ROLE, "Screen", PW_KEY_STREAM_CAPTURE_SINK, "true",
				 PW_KEY_STREAM_MONITOR, "true", PW_KEY_NODE_LATENCY, "480/48000",
				 PW_KEY_NODE_DESCRIPTION, "the desktop's sound for its viewers",
				 NULL),
	    &events, a);
	if (!a->stream) {
		e = -errno;
		goto fail;
	}
	params[0] = spa_format_audio_raw_build(&b, SPA_PARAM_EnumFormat, &format);
	e = pw.pw_stream_connect(a->stream, PW_DIRECTION_INPUT, PW_ID_ANY,
				 PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_MAP_BUFFERS |
				     PW_STREAM_FLAG_RT_PROCESS,
				 params, 1);
	if (e >= 0)
		e = pw.pw_thread_loop_start(a->loop);
	if (e >= 0)
		return 0;
fail:
	snprintf(error, n, "PipeWire does not answer: %s", strerror(-e));
	pipewire_stop(a);
	return ERR_NOENT;
}

static int pipewire_fd(const struct audio *a)
{
	return a->event;
}

static int pipewire_read(struct audio *a, s16 *pcm, u64 *when_us)
{
	u64 count, took = atomic_load_explicit(&a->took, memory_order_relaxed);
	u64 wrote = atomic_load_explicit(&a->wrote, memory_order_acquire);

	if (atomic_load(&a->gone))
		return ERR_NOENT;
	if (wrote - took < SOUND_FRAME) {
		if (read(a->event, &count, sizeof(count)) < 0)
			return errno == EAGAIN ? 0 : ERR_IO;
		/* What was written before the count was taken back may be the rest of a frame. */
		if (atomic_load_explicit(&a->wrote, memory_order_acquire) - took >= SOUND_FRAME)
			wake(a);
		return 0;
	}
	for (u32 i = 0; i < SOUND_FRAME; i++)
		memcpy(pcm + (size_t)i * SOUND_CHANNELS,
		       &a->ring[(took + i) % RING * SOUND_CHANNELS], sizeof(s16) * SOUND_CHANNELS);
	*when_us = atomic_load_explicit(&a->wrote_us, memory_order_relaxed) -
		   (wrote - took) * 1000000 / SOUND_RATE;
	atomic_store_explicit(&a->took, took + SOUND_FRAME, memory_order_release);
	return 1;
}

static void pipewire_close(struct audio *a)
{
	pipewire_stop(a);
	close(a->event);
	free(a);
}

const struct audio_ops audio_pipewire = {
    .name = "pipewire",
    .open = pipewire_open,
    .close = pipewire_close,
    .start = pipewire_start,
    .stop = pipewire_stop,
    .fd = pipewire_fd,
    .read = pipewire_read,
};
