/* The agent: one desktop, its viewers, one loop. */
#pragma once

#include "viewer/agent/broker.h"
#include "viewer/agent/config.h"
#include "viewer/agent/desktop.h"
#include "viewer/agent/input/input.h"
#include "viewer/agent/metrics.h"
#include "viewer/agent/native_out.h"
#include "viewer/agent/rfb_out.h"
#include "viewer/agent/sound.h"
#include "viewer/agent/tickets.h"
#include "viewer/proto/handshake.h"

#define AGENT_MAX_SESSIONS 320u
#define SESSION_MAX_DOWN   32u

struct agent;
struct clipboard;

enum session_state {
	SESSION_HTTP,	   /* waits for a browser's upgrade request */
	SESSION_HANDSHAKE, /* RFB's opening */
	SESSION_TLS,
	SESSION_AUTH, /* a helper judges the password */
	SESSION_RUN,
	SESSION_CLOSING, /* a last word is being sent */
};

struct session {
	struct agent *agent;
	enum session_state state;
	struct net_stream net;
	struct hs_server hs;
	char peer[64];
	struct ticket_right right;
	u64 since_us, heard_us, input_us, tried_us;
	u64 deadline_us; /* of the opening, or of the last word */
	u32 auth_id;	 /* of the question to the helper */
	bool outer_tls;	 /* wss: TLS began before RFB */
	bool resumed, native, stats_on, said_limited;
	bool polite;   /* ends as its person wants it: no lock, no resume */
	bool replaced; /* its person is back by another connection */
	struct rfb_out rfb;
	bool has_rfb;
	struct native_out out;
	struct link link;
	u64 stats_us;
	u32 features;		/* of the viewer's HELLO */
	u8 token[NATIVE_TOKEN]; /* that resumes this session */
	u8 spent
	    [NATIVE_TOKEN]; /* by which it was resumed, until the viewer surely has the new one */
	struct {
		u32 keysym, scancode;
	} down[SESSION_MAX_DOWN];
	u32 ndown;
	u16 buttons;
	u16 x, y;
	bool axes;	   /* six axes may be away from their rest */
	bool hears;	   /* wants the desktop's sound */
	u32 sound_waiting; /* frames of it put since the link last had nothing to send */
};

struct agent {
	struct config conf;
	struct desktop desktop;
	const struct input_ops *input_ops;
	struct input *input;
	u8 locks; /* of the desktop's keyboard: RFB's LED bits */
	const struct video_enc_ops *encoder;
	gnutls_certificate_credentials_t cred;
	int listen_fd, ws_fd, event_fd, signal_fd;
	struct session *sessions[AGENT_MAX_SESSIONS];
	u32 nsessions;
	struct tickets tickets;
	struct broker broker;
	struct attempts *attempts;
	struct clipboard *clipboard;
	struct sound sound;
	char vnc_password[9];
	struct agent_totals totals;
	u64 start_s;	     /* seconds since 1970 */
	u64 metrics_us;	     /* last written, or tried */
	bool metrics_failed; /* ... and said so */
	bool quit;
};

/* One line of the audit trail (never holds a secret). */
void agent_log(const char *format, ...) __printf(1, 2);

__must_check int session_open(struct agent *a, int fd, const char *peer, bool websocket);
/* Frees it and takes it out of the agent. `why` goes into the audit trail. */
void session_close(struct session *s, const char *why);
/* poll() events that it waits for on its socket. */
short session_events(const struct session *s);
void session_ready(struct session *s, short events);
/* The helper's verdict. */
void session_judged(struct session *s, bool ok);
u64 session_due(const struct session *s);
void session_tick(struct session *s, u64 now);
/* Sets how much may wait to be sent: one whole picture and something beside. */
void session_limit(struct session *s);
void session_change(struct session *s, const struct desktop_change *c);
void session_coded(struct session *s);
/* The desktop's locks changed. */
void session_locks(struct session *s);
/* The desktop's clipboard has new text. */
void session_clipboard(struct session *s, const char *text, u32 n);
/* Text from the viewer; NULL clipboard is fine. */
struct clipboard *clipboard_open(const char *display, char *error, size_t n);
void clipboard_close(struct clipboard *c);
int clipboard_fd(struct clipboard *c);
/* Runs the X events; true: text() changed by the desktop. */
bool clipboard_dispatch(struct clipboard *c);
const char *clipboard_text(struct clipboard *c, u32 *n);
void clipboard_set(struct clipboard *c, const char *text, u32 n);

__must_check int server_open(struct agent *a, char *error, size_t n);
void server_run(struct agent *a);
void server_close(struct agent *a);
__must_check int certificate_load(struct agent *a, char *error, size_t n);

/* The response that the password asks for. */
__must_check int auth_vnc(const char *password, const u8 challenge[16], u8 response[16]);

/* Wrong passwords by address. */
struct attempts *attempts_new(u32 limit);
void attempts_free(struct attempts *t);
bool attempts_allowed(struct attempts *t, const char *peer, u64 now);
void attempts_note(struct attempts *t, const char *peer, bool ok, u64 now);
