/* What the agent was told to do: a file of `key = value` lines, the same keys as --key=value. */
#pragma once

#include "core/base/types.h"

enum clipboard_policy { CLIP_OFF = 0, CLIP_TO_VIEWER = 1, CLIP_TO_DESKTOP = 2, CLIP_BOTH = 3 };

struct config {
	char listen[64];   /* address; 127.0.0.1 unless said otherwise */
	char name[128];	   /* desktop name shown to viewers */
	char source[16];   /* x11, drm, test */
	char display[256]; /* X display, helper's socket, raw file or scene */
	char input[16];	   /* xtest, uinput, none; empty: what fits the source */
	char encoder[16];  /* x264, vaapi, nvenc, soft, auto */
	char encoder_device[64];
	char audio[16];	 /* pipewire, tone, off */
	char state[256]; /* folder for certificate and key */
	char certificate[256], key[256];
	char password_file[256]; /* user:hash lines; empty: PAM */
	char vnc_password_file[256];
	char ticket_file
	    [256]; /* one-use tickets from a broker, one a line: ticket expiry-unix-time */
	char congestion[16];
	char lock_command[256];
	char websocket_origins[512]; /* see net/websocket.h */
	char metrics[256];	     /* file of figures; empty: none */
	char user[64];		     /* who may log in; empty: who runs the agent */
	u32 port, websocket_port;
	u32 width, height, fps, heads; /* test source */
	u32 max_viewers, max_handshakes, handshake_s, idle_min, resume_s;
	u32 threads, effort;
	u32 audio_kbps;
	u32 max_attempts; /* wrong passwords from one address before it must wait */
	u32 clipboard;	  /* enum clipboard_policy */
	bool x509_none, x509_plain, x509_vnc, vnc, open;
	bool view_only, lock_on_loss, verbose, loop, sandbox, drm_gl;
};

void config_default(struct config *c);
/* 0, or a negative error with the text that says what is wrong and where. */
__must_check int config_file(struct config *c, const char *path, char *error, size_t n);
/*
 * What the workstation's profile says, by words caprock.agent.KEY=VALUE of the kernel's command line in `path`
 * (/proc/cmdline). A file that is not there says nothing.
 */
__must_check int config_kernel_line(struct config *c, const char *path, char *error, size_t n);
__must_check int config_set(struct config *c, const char *key, const char *value, char *error,
			    size_t n);
/* Checks that the whole makes sense. */
__must_check int config_check(const struct config *c, char *error, size_t n);
/* One line a key: name, meaning, default. */
void config_print_keys(void);
