/*
 * A connection to a desktop and the picture it holds: native where the server speaks that, plain
 * RFB otherwise. Free of any window; the window, and the headless tests, look at `canvas`.
 */
#pragma once

#include <pthread.h>

#include "viewer/client/jitter.h"
#include "viewer/client/open_h264.h"
#include "viewer/client/pen.h"
#include "viewer/client/playout.h"
#include "viewer/codec/exact.h"
#include "viewer/codec/tight.h"
#include "viewer/codec/video_dec.h"
#include "viewer/codec/zrle.h"
#include "viewer/net/stream.h"
#include "viewer/proto/handshake.h"

enum client_state {
	CLIENT_IDLE,
	CLIENT_CONNECTING,
	CLIENT_TLS,
	CLIENT_OPENING,
	CLIENT_IN,
	CLIENT_FAILED, /* `why` says it; worth another try unless `final` */
};

enum { HELD_BY_SYM = 1, HELD_BY_CODE };

struct client_conf {
	char host[256];
	char port[16];
	char user[HS_MAX_CREDENTIAL + 1], password[HS_MAX_CREDENTIAL + 1];
	char known_hosts[512]; /* pinned certificates */
	char ca_file[512];     /* trust this CA instead of pinning */
	bool insecure;	       /* allow servers without encryption */
	bool plain;	       /* do not offer the native extension */
	bool accept_new;       /* pin an unknown certificate without asking */
	bool shared;
	bool no_audio; /* do not ask for the desktop's sound */
	s32 encoding;  /* plain RFB: preferred encoding, ENC_* (Raw is 0) */
	int quality;   /* plain RFB: JPEG 0..9, -1 lossless */
};

struct client_cursor {
	u16 w, h, hot_x, hot_y;
	u32 *argb;
	bool fresh;
};

/* The desktop's sound. `lock` guards the jitter buffer: whoever plays it has a thread of its own. */
struct client_sound {
	pthread_mutex_t lock;
	struct jitter jitter;
	struct sound_dec *dec; /* NULL until a stream has begun */
	bool offered, muted;
	u32 expect; /* position that comes next */
	bool begun; /* there is a position before it */
	u64 end_us; /* agent's clock at the end of what has come */
	u32 packets;
};

struct client {
	const struct client_conf *conf;
	enum client_state state;
	char why[512];
	bool final;
	struct net_stream net;
	struct hs_client hs;
	gnutls_certificate_credentials_t cred;
	u64 began_us;
	u32 address; /* of the host, the next to try */
	u8 fingerprint[32];
	u8 token[NATIVE_TOKEN]; /* resumes the session; survives the connection */
	bool have_token;

	struct image canvas;
	struct native_heads heads;
	struct tileset exact;	 /* tiles whose pixels are exact now */
	struct tileset painted;	 /* since the owner last looked */
	bool resized, committed; /* since the owner last looked */
	struct client_cursor cursor;
	char notice[512];
	char *clip_text; /* from the desktop, since the owner last looked */
	u32 clip_n;
	struct wbuf own_text; /* this desk's, until a plain server asks for it */
	bool ext_clipboard;   /* that server speaks the extended clipboard */
	u8 locks;	  /* of the desktop's keyboard: RFB's LED bits, 0 scroll, 1 num, 2 caps */
	bool locks_known; /* this server tells them */
	bool locks_first; /* it has, and the owner did not look yet */
	bool native, qemu_keys;
	u32 features; /* of the agent's HELLO */
	struct client_sound sound;
	struct pen_state pen;	       /* goes with the pointer */
	struct native_pointer pointed; /* the last that was sent */
	/* How keys that are down were told: they come up the same way, whatever the server learnt. */
	u8 held[256];

	u16 rects_left; /* of a plain RFB update in progress */
	bool in_update;
	struct zrle_dec zrle;
	struct tight_dec tight;
	struct open_h264 h264;
	struct exact_dec exact_dec;
	struct video_dec *video[NATIVE_MAX_HEADS];
	u8 video_format[NATIVE_MAX_HEADS];
	struct wbuf au[NATIVE_MAX_HEADS];
	bool more; /* whole messages wait behind a picture that is to be shown first */
	/* Of a native server those of the display channel alone wait; what else comes is heeded at once. */
	struct wbuf later; /* u16 kind, u32 length, payload */
	size_t later_at;   /* bytes of it already handled */
	u64 hold_us;	   /* the next of them waits until then */
	struct playout playout;
	u32 eaten; /* display bytes since the last credit */

	u32 seq;
	u64 capture_us;
	bool ack_owed;
	u64 heard_us, pinged_us, rtt_us;
	u64 patience_us; /* the silence after a ping is borne until then */
	struct native_stats stats;
	u32 commits, videos, decode_us, present_us; /* videos: commits that brought some */
	u64 bytes_display;
};

/* Begins to connect. Old state but the token and the picture is dropped. */
void client_connect(struct client *c, const struct client_conf *conf);
void client_close(struct client *c, bool say_goodbye);
/* poll() events on c->net.fd. */
short client_events(const struct client *c);
void client_ready(struct client *c, short events);
/* When client_tick() must run, monotonic us. */
u64 client_due(const struct client *c);
void client_tick(struct client *c);
/* Is every pixel the desktop's own? Plain RFB does not tell: true once all have been painted. */
bool client_is_exact(const struct client *c);
/* Decoders of that format (VIDEO_*) at work, one a monitor in motion; and what they are, "" for none. */
u32 client_videos(const struct client *c, u8 format);
const char *client_decoder(const struct client *c);
/* The picture of the last commit is on screen since now. */
void client_shown(struct client *c, u32 present_us);

void client_key(struct client *c, bool down, u32 keysym, u32 scancode);
void client_pointer(struct client *c, u16 x, u16 y, u16 buttons);
/* The pen moved though the pointer did not. */
void client_pen(struct client *c, const struct pen_state *pen);
void client_six_axes(struct client *c, const s16 axes[NATIVE_AXES], u32 buttons);
void client_relative(struct client *c, s16 dx, s16 dy, u16 buttons);
/* The pointer's buttons; a native server lets go of everything. */
void client_release_all(struct client *c);
void client_clipboard(struct client *c, const char *text, u32 n);
/* Mutes the desktop's sound, which then is not sent, or lets it be heard again. */
void client_mute(struct client *c, bool mute);
/* What became of the sound, as a JSON object. */
void client_sound_figures(struct client *c, char *text, size_t n);
void client_want_stats(struct client *c, bool on);
void client_want_size(struct client *c, u16 w, u16 h);

/* Messages, used by client.c. Bytes used, 0 = not all there, negative: junk. */
__must_check ssize_t client_message(struct client *c, const u8 *p, size_t n);
__must_check int client_native(struct client *c, u8 channel, u16 kind, const u8 *p, u32 n);
/* Handles what of the display channel waits and may be shown now. Negative: junk. */
__must_check int client_play(struct client *c);
/* on_sound.c */
__must_check int client_sound(struct client *c, u16 kind, const u8 *p, u32 n);
void client_sound_init(struct client *c);
void client_sound_free(struct client *c);
void client_sound_drop(struct client *c); /* with the connection */
__must_check int client_resize(struct client *c, const struct native_heads *h);
void client_begin(struct client *c);
/* Takes argb. */
void client_keep_cursor(struct client *c, u16 w, u16 h, u16 hot_x, u16 hot_y, u32 *argb);
void client_keep_locks(struct client *c, u8 locks);
void client_keep_text(struct client *c, const u8 *p, u32 n);
u64 client_now(void);

/* Trust on first use. 0: known or now pinned; negative: refused, with the text. */
__must_check int pin_check(const struct client_conf *conf, const u8 fingerprint[32], char *why,
			   size_t n);
