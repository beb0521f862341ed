#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/config.h"

enum kind { TEXT, NUMBER, FLAG, SECURITY, CLIPBOARD };

struct key {
	const char *name;
	enum kind kind;
	size_t at, size;
	u32 lo, hi;
	const char *value; /* default */
	const char *about;
};

#define STR(f, v, a)                                                                              \
	{                                                                                         \
#f, TEXT, offsetof(struct config, f), sizeof(((struct config *)0)->f), 0, 0, v, a \
	}
#define NUM(f, lo, hi, v, a)                                            \
	{                                                               \
#f, NUMBER, offsetof(struct config, f), 4, lo, hi, v, a \
	}
#define BOOL(f, v, a)                                               \
	{                                                           \
#f, FLAG, offsetof(struct config, f), 1, 0, 1, v, a \
	}

static const struct key keys[] = {
    STR(listen, "127.0.0.1", "address to listen on"),
    NUM(port, 0, 65535, "5900", "TCP port; 0 takes any and prints it"),
    NUM(websocket_port, 0, 65535, "0", "TCP port for browsers (WebSocket); 0 is off"),
    STR(websocket_origins, "",
	"comma list of pages' origins (https://host:port) whose scripts may connect; empty: every "
	"page, but none where security lets in without a password"),
    STR(name, "", "desktop name shown to viewers; empty: user@host"),
    STR(source, "x11", "where pictures come from: x11, drm, test"),
    STR(display, "", "X display; socket of caprock-seat; raw file or scene of the test source"),
    STR(input, "", "where input goes: xtest, uinput, none; empty: what fits the source"),
    STR(encoder, "x264",
	"video encoder: x264 (4:4:4), vaapi, nvenc, soft (4:2:0, for motion), auto"),
    STR(encoder_device, "", "vaapi: /dev/dri/renderD128 and the like; nvenc: the GPU's number"),
    STR(audio, "pipewire", "the desktop's sound: pipewire (where it runs), tone (a test), off"),
    NUM(audio_kbps, 16, 510, "96", "kbit/s that sound may take; silence takes none"),
    NUM(threads, 1, 64, "2", "threads of the encoder"),
    NUM(effort, 0, 3, "3", "processor time that video may take at most, 0 (least) to 3"),
    NUM(width, 1, 32768, "1920", "test source: pixels across"),
    NUM(height, 1, 32768, "1080", "test source: pixels down"),
    NUM(fps, 1, 240, "30", "test source: pictures a second"),
    NUM(heads, 1, 16, "1", "test source: monitors side by side"),
    BOOL(drm_gl, "no", "drm source: read by OpenGL also what could be mapped"),
    BOOL(loop, "yes", "test source: begin again at the end"),
    {"security", SECURITY, 0, 0, 0, 0, "x509plain",
     "comma list of x509plain, x509none, x509vnc, vnc, none; the last two are not encrypted"},
    STR(state, "", "folder for the certificate made on first start"),
    STR(certificate, "", "PEM file of a certificate from a CA"),
    STR(key, "", "PEM file of its key"),
    STR(user, "", "who may log in; empty: who runs the agent"),
    STR(password_file, "", "user:hash lines as crypt(3) makes them; empty: PAM"),
    STR(vnc_password_file, "", "file holding the password of x509vnc and vnc"),
    STR(ticket_file, "",
	"one-use tickets a broker wrote, one a line: ticket, expiry (Unix time), and view for "
	"who may look only"),
    NUM(max_viewers, 1, 64, "8", "viewers at a time"),
    NUM(max_handshakes, 1, 256, "16", "connections that have not logged in yet"),
    NUM(handshake_s, 1, 120, "10", "seconds a connection has to log in"),
    NUM(max_attempts, 1, 100, "5", "wrong passwords from an address before it must wait"),
    NUM(idle_min, 0, 10000, "0", "minutes without input before a viewer is dropped; 0 never"),
    NUM(resume_s, 0, 86400, "300", "seconds a lost session can be resumed without a password"),
    BOOL(view_only, "no", "viewers may look, not touch"),
    {"clipboard", CLIPBOARD, 0, 0, 0, 0, "both",
     "both, in (to the desktop), out (to viewers), off"},
    BOOL(lock_on_loss, "no", "run lock_command when the last viewer's link is lost"),
    STR(lock_command, "loginctl lock-session", "how to lock the desktop"),
    STR(congestion, "bbr", "TCP congestion control, where the kernel has it"),
    STR(metrics, "", "file of figures for Prometheus, NAME.prom, renewed every 5 s; empty: none"),
    BOOL(sandbox, "yes", "drop system calls that a running agent does not need"),
    BOOL(verbose, "no", "say more"),
};

static const struct key *find(const char *name)
{
	char alt[64];

	snprintf(alt, sizeof(alt), "%s", name);
	for (char *p = alt; *p; p++)
		if (*p == '-')
			*p = '_';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, alt))
			return &keys[i];
	return NULL;
}

static int set_security(struct config *c, const char *value, char *error, size_t n)
{
	char buf[128], *save = NULL;

	c->x509_plain = c->x509_none = c->x509_vnc = c->vnc = c->open = false;
	snprintf(buf, sizeof(buf), "%s", value);
	for (char *w = strtok_r(buf, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		bool *b = !strcmp(w, "x509plain")  ? &c->x509_plain
			  : !strcmp(w, "x509none") ? &c->x509_none
			  : !strcmp(w, "x509vnc")  ? &c->x509_vnc
			  : !strcmp(w, "vnc")	   ? &c->vnc
			  : !strcmp(w, "none")	   ? &c->open
						   : NULL;
		if (!b) {
			snprintf(
			    error, n,
			    "security: '%s' is none of x509plain, x509none, x509vnc, vnc, none", w);
			return ERR_INVAL;
		}
		*b = true;
	}
	return 0;
}

int config_set(struct config *c, const char *name, const char *value, char *error, size_t n)
{
	const struct key *k = find(name);

	if (!k) {
		snprintf(error, n, "there is no key '%s' (--help lists them)", name);
		return ERR_NOENT;
	}
	char *at = (char *)c + k->at;
	switch (k->kind) {
	case TEXT:
		if (strlen(value) >= k->size) {
			snprintf(error, n, "%s: longer than %zu characters", k->name, k->size - 1);
			return ERR_RANGE;
		}
		memcpy(at, value, strlen(value) + 1);
		return 0;
	case NUMBER: {
		char *end;
		errno = 0;
		unsigned long v = strtoul(value, &end, 10);
		if (errno || end == value || *end || v < k->lo || v > k->hi) {
			snprintf(error, n, "%s: '%s' is no number from %u to %u", k->name, value,
				 k->lo, k->hi);
			return ERR_RANGE;
		}
		*(u32 *)at = (u32)v;
		return 0;
	}
	case FLAG: {
		bool yes = !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1");
		bool no = !strcmp(value, "no") || !strcmp(value, "false") || !strcmp(value, "0");
		if (!yes && !no) {
			snprintf(error, n, "%s: '%s' is neither yes nor no", k->name, value);
			return ERR_INVAL;
		}
		*(bool *)at = yes;
		return 0;
	}
	case SECURITY:
		return set_security(c, value, error, n);
	case CLIPBOARD:
		if (!strcmp(value, "both"))
			c->clipboard = CLIP_BOTH;
		else if (!strcmp(value, "in"))
			c->clipboard = CLIP_TO_DESKTOP;
		else if (!strcmp(value, "out"))
			c->clipboard = CLIP_TO_VIEWER;
		else if (!strcmp(value, "off"))
			c->clipboard = CLIP_OFF;
		else {
			snprintf(error, n, "clipboard: '%s' is none of both, in, out, off", value);
			return ERR_INVAL;
		}
		return 0;
	}
	return ERR_INVAL;
}

void config_default(struct config *c)
{
	char error[128];

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (config_set(c, keys[i].name, keys[i].value, error, sizeof(error)))
			abort(); /* the table above contradicts itself */
}

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	char *e = s + strlen(s);
	while (e > s && isspace((unsigned char)e[-1]))
		*--e = 0;
	return s;
}

int config_file(struct config *c, const char *path, char *error, size_t n)
{
	FILE *f = fopen(path, "re");
	char line[1024], why[512];
	int number = 0, e = 0;

	if (!f) {
		snprintf(error, n, "cannot read %s: %m", path);
		return ERR_NOENT;
	}
	while (!e && fgets(line, sizeof(line), f)) {
		number++;
		char *s = trim(line), *eq = strchr(s, '=');

		if (!*s || *s == '#')
			continue;
		if (!eq) {
			snprintf(error, n, "%s:%d: expected 'key = value'", path, number);
			e = ERR_INVAL;
			break;
		}
		*eq = 0;
		e = config_set(c, trim(s), trim(eq + 1), why, sizeof(why));
		if (e)
			snprintf(error, n, "%s:%d: %s", path, number, why);
	}
	fclose(f);
	return e;
}

/* The next word of a command line, or NULL: spaces within double quotes belong to a word. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\n"), *p = word;
	bool quoted = false;

	for (; *p && (quoted || !isspace((unsigned char)*p)); p++)
		quoted ^= *p == '"';
	*at = *p ? p + 1 : p;
	*p = 0;
	return *word ? word : NULL;
}

int config_kernel_line(struct config *c, const char *path, char *error, size_t n)
{
	static const char prefix[] = "caprock.agent.";
	char why[512], *line = NULL, *at, *word;
	FILE *f = fopen(path, "re");
	size_t room = 0;
	int e = 0;

	if (!f && errno == ENOENT)
		return 0;
	if (!f) {
		snprintf(error, n, "cannot read %s: %m", path);
		return ERR_IO;
	}
	at = getline(&line, &room, f) < 0 ? NULL : line;
	fclose(f);
	while (!e && at && (word = next_word(&at))) {
		char *eq = strchr(word, '=');

		if (strncmp(word, prefix, strlen(prefix)) || !eq)
			continue;
		*eq = 0;
		e = config_set(c, word + strlen(prefix), eq + 1, why, sizeof(why));
		if (e)
			snprintf(error, n, "%s: %s%s", path, prefix, why);
	}
	free(line);
	return e;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

int config_check(const struct config *c, char *error, size_t n)
{
	const char *why = NULL;

	if (!c->x509_none && !c->x509_plain && !c->x509_vnc && !c->vnc && !c->open)
		why = "security: nothing is offered";
	else if ((c->vnc || c->x509_vnc) && !*c->vnc_password_file)
		why = "security: vnc and x509vnc need vnc_password_file";
	else if (!*c->certificate != !*c->key)
		why = "certificate and key go together";
	else if (c->lock_on_loss && !*c->lock_command)
		why = "lock_on_loss needs lock_command";
	else if (*c->metrics && !ends_with(c->metrics, ".prom"))
		why = "metrics: the file's name must end in .prom, or node_exporter does not read "
		      "it";
	if (!why)
		return 0;
	snprintf(error, n, "%s", why);
	return ERR_INVAL;
}

void config_print_keys(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		printf("  --%s=%s\n        %s\n", keys[i].name, keys[i].value, keys[i].about);
}
