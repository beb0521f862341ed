#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "viewer/client/options.h"

enum kind {
	FLAG,	  /* sets a bool */
	NOT_FLAG, /* clears one */
	TEXT,	  /* into a buffer of `size` */
	POINTER,  /* the argument itself */
	NUMBER,	  /* lo..hi */
	CALL,	  /* a function understands it */
};

struct option {
	const char *name;
	enum kind kind;
	bool bare; /* may stand without a value */
	size_t at, size;
	u32 lo, hi;
	const char *(*call)(struct options *o, const char *value); /* NULL or what is wrong */
	const char *value, *about;				   /* for --help */
};

static const char *password_file(struct options *o, const char *path)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(o->conf.password, sizeof(o->conf.password), f);

	if (f)
		fclose(f);
	o->conf.password[strcspn(o->conf.password, "\r\n")] = 0;
	return ok ? NULL : "the file cannot be read";
}

static const char *encoding(struct options *o, const char *v)
{
	static const struct {
		const char *name;
		s32 number;
	} list[] = {
	    {"tight", ENC_TIGHT}, {"zrle", ENC_ZRLE}, {"raw", ENC_RAW}, {"h264", ENC_OPEN_H264}};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (!strcmp(v, list[i].name)) {
			o->conf.encoding = list[i].number;
			return NULL;
		}
	return "is none of tight, zrle, raw, h264";
}

static const char *quality(struct options *o, const char *v)
{
	if (!strcmp(v, "lossless"))
		o->conf.quality = -1;
	else if (v[0] >= '0' && v[0] <= '9' && !v[1])
		o->conf.quality = v[0] - '0';
	else
		return "is neither 0 to 9 nor lossless";
	return NULL;
}

static const char *clipboard(struct options *o, const char *v)
{
	bool both = !strcmp(v, "both");

	if (!both && strcmp(v, "in") && strcmp(v, "out") && strcmp(v, "off"))
		return "is none of both, in, out, off";
	o->win.clipboard_in = both || !strcmp(v, "in");
	o->win.clipboard_out = both || !strcmp(v, "out");
	return NULL;
}

static const char *decoder(struct options *o, const char *v)
{
	for (int i = 0; i < VIDEO_HW_COUNT; i++)
		if (!strcmp(v, video_hw_names[i])) {
			video_dec_prefer((enum video_hw)i);
			return NULL;
		}
	return "is none of software, vaapi, vdpau, cuda";
}

static const char *monitors(struct options *o, const char *v)
{
	static const char *const names[] = {
	    [MONITORS_ONE] = "one", [MONITORS_EACH] = "each", [MONITORS_ALL] = "all"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(v, names[i])) {
			o->win.monitors = (enum window_monitors)i;
			o->win.fullscreen |= i == MONITORS_ALL;
			return NULL;
		}
	return "is none of one, each, all";
}

static const char *until_exact(struct options *o, const char *v)
{
	char *end = "";

	o->until_exact = true;
	if (v)
		o->still_ms = (u32)strtoul(v, &end, 10);
	return *end || o->still_ms > 3600000 ? "is no number of milliseconds" : NULL;
}

static const char *stats(struct options *o, const char *v)
{
	o->stats = v ? v : "-";
	return NULL;
}

#define AT(f) .at = offsetof(struct options, f), .size = sizeof(((struct options *)0)->f)

static const struct option list[] = {
    {"user", TEXT, AT(conf.user), .value = "NAME", .about = "log in as this user"},
    {"password-file", CALL, .call = password_file, .value = "FILE",
     .about = "its first line is the password (asked for otherwise)"},
    {"accept-new", FLAG, AT(conf.accept_new),
     .about = "pin the certificate of a machine not seen before"},
    {"ca", TEXT, AT(conf.ca_file), .value = "FILE",
     .about = "trust this CA's certificates instead of pinned ones"},
    {"known-hosts", TEXT, AT(conf.known_hosts), .value = "FILE",
     .about = "where pinned certificates are kept (~/.config/caprock/known_hosts)"},
    {"insecure", FLAG, AT(conf.insecure),
     .about = "allow servers without encryption (a hypervisor's console)"},
    {"plain", FLAG, AT(conf.plain), .about = "speak plain RFB only"},
    {"encoding", CALL, .call = encoding, .value = "tight|zrle|raw|h264", .about = "for plain RFB"},
    {"quality", CALL, .call = quality, .value = "0..9|lossless", .about = "for plain RFB"},
    {"decoder", CALL, .call = decoder, .value = "software|vaapi|vdpau|cuda",
     .about = "what decodes 4:2:0 video; 4:4:4 is decoded in software"},
    {"fullscreen", FLAG, AT(win.fullscreen), .about = "begin with the whole screen"},
    {"monitors", CALL, .call = monitors, .value = "one|each|all",
     .about = "one window; one for each monitor; all displays here as one, full screen"},
    {"resize", FLAG, AT(win.resize), .about = "ask the desktop to take the window's size"},
    {"smooth", FLAG, AT(win.smooth), .about = "scale smoothly, not by whole numbers only"},
    {"grab", FLAG, AT(win.grab), .about = "give all keys to the desktop"},
    {"figures", FLAG, AT(win.figures), .about = "begin with the figures shown"},
    {"tint-inexact", FLAG, AT(win.marks), .about = "begin with what is not exact tinted"},
    {"clipboard", CALL, .call = clipboard, .value = "both|in|out|off",
     .about = "in: this desk's text to the desktop"},
    {"no-audio", FLAG, AT(conf.no_audio), .about = "do not play the desktop's sound"},
    {"audio-file", POINTER, AT(audio_file), .value = "FILE",
     .about = "write the desktop's sound as WAV instead of playing it"},
    {"no-reconnect", NOT_FLAG, AT(resume), .about = "end when the connection is lost"},
    {"headless", FLAG, AT(headless), .about = "no window"},
    {"seconds", NUMBER, AT(seconds), .lo = 1, .hi = 10000000, .value = "N", .about = "end then"},
    {"until-exact", CALL, .bare = true, .call = until_exact, .value = "STILL_MS",
     .about = "end once every pixel is exact and none changed for STILL_MS (300)"},
    {"screenshot", POINTER, AT(screenshot), .value = "FILE",
     .about = "PNG of the picture at the end and at each SIGUSR1"},
    {"dump", POINTER, AT(dump), .value = "FILE", .about = "the same as raw 0x00RRGGBB words"},
    {"record", POINTER, AT(record), .value = "FILE",
     .about = "film what is shown, H.264 4:4:4 with 30 pictures a second"},
    {"stats", CALL, .bare = true, .call = stats, .value = "FILE",
     .about = "figures as a JSON object each second (standard output)"},
};

static void usage(void)
{
	puts("caprock-viewer [OPTION...] HOST[:PORT | ::PORT]\n"
	     "Shows a desktop that caprock-agent streams, or any VNC server.\n");
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		char head[64];

		snprintf(head, sizeof(head), "--%s%s%s%s%s", list[i].name, list[i].bare ? "[" : "",
			 list[i].value ? "=" : "", list[i].value ? list[i].value : "",
			 list[i].bare ? "]" : "");
		printf("  %-30s %s\n", head, list[i].about);
	}
	puts(
	    "  --help --version\n\n"
	    "Keys: Ctrl+Alt+Shift with F full screen, G keyboard grab, R relative pointer for 3D\n"
	    "navigation, S smooth scaling, I figures, E tint what is not exact, P screenshot (PNG in\n"
	    "the current folder), V recording on and off, M sound off and on, H these keys.");
}

static const char *apply(struct options *o, const struct option *k, const char *v)
{
	char *at = (char *)o + k->at, *end;
	unsigned long n;

	if (!v && !k->bare && k->kind != FLAG && k->kind != NOT_FLAG)
		return "wants a value";
	if (v && (k->kind == FLAG || k->kind == NOT_FLAG))
		return "takes no value";
	switch (k->kind) {
	case FLAG:
	case NOT_FLAG:
		*(bool *)at = k->kind == FLAG;
		return NULL;
	case TEXT:
		if (strlen(v) >= k->size)
			return "is too long";
		memcpy(at, v, strlen(v) + 1);
		return NULL;
	case POINTER:
		*(const char **)at = v;
		return NULL;
	case NUMBER:
		n = strtoul(v, &end, 10);
		if (end == v || *end || n < k->lo || n > k->hi)
			return "is no number in its range";
		*(u32 *)at = (u32)n;
		return NULL;
	default:
		return k->call(o, v);
	}
}

/* HOST, HOST:DISPLAY (or a port from 100 on), HOST::PORT, [ADDRESS]:... */
static const char *parse_host(struct client_conf *c, const char *text)
{
	const char *host = text, *end = strchr(text, ':'), *rest;
	unsigned long port = 5900;
	char *stop;

	if (*text == '[') {
		host = text + 1;
		end = strchr(text, ']');
		if (!end)
			return "has no closing bracket";
		rest = end + 1;
	} else {
		if (end && strchr(end + 1, ':') && end[1] != ':')
			end = NULL; /* an IPv6 address without a port */
		rest = end ? end : text + strlen(text);
	}
	size_t n = end ? (size_t)(end - host) : strlen(host);
	if (n >= sizeof(c->host))
		return "is too long a name";
	snprintf(c->host, sizeof(c->host), "%.*s", (int)n, n ? host : "localhost");
	if (!n)
		snprintf(c->host, sizeof(c->host), "localhost");
	if (*rest == ':') {
		bool exact = rest[1] == ':';

		port = strtoul(rest + 1 + exact, &stop, 10);
		if (stop == rest + 1 + exact || *stop)
			return "has no number behind its colon";
		port += !exact && port < 100 ? 5900 : 0;
	} else if (*rest) {
		return "is no host and port";
	}
	if (!port || port > 65535)
		return "has no port from 1 to 65535";
	snprintf(c->port, sizeof(c->port), "%lu", port);
	return NULL;
}

static int argument(struct options *o, const char *a, bool *have_host)
{
	const char *why = "is not understood (--help)";
	size_t n = strcspn(a, "=");

	if (strncmp(a, "--", 2)) {
		if (a[0] != '-' && !*have_host) {
			*have_host = true;
			why = parse_host(&o->conf, a);
		}
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(list); i++)
			if (strlen(list[i].name) == n - 2 && !strncmp(list[i].name, a + 2, n - 2))
				why = apply(o, &list[i], a[n] ? a + n + 1 : NULL);
	}
	if (why)
		fprintf(stderr, "caprock-viewer: '%s' %s\n", a, why);
	return why ? -1 : 0;
}

/* If it cannot be made, pinning says so. */
static void make_folder(const char *file)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%s", file);
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(dir, 0700);
		*p = '/';
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	const char *home = getenv("HOME");
	bool have_host = false;

	*o = (struct options){.resume = true, .still_ms = 300};
	o->conf.quality = 8;
	o->conf.encoding = ENC_TIGHT;
	o->win =
	    (struct window_conf){.clipboard_in = true, .clipboard_out = true, .title = "Caprock"};
	snprintf(o->conf.known_hosts, sizeof(o->conf.known_hosts), "%s/.config/caprock/known_hosts",
		 home ? home : ".");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			usage();
			return 1;
		}
		if (!strcmp(argv[i], "--version")) {
			puts("caprock-viewer " CAPROCK_VERSION);
			return 1;
		}
		if (argument(o, argv[i], &have_host))
			return -1;
	}
	if (o->headless && !o->audio_file)
		o->conf.no_audio = true;
	if (!have_host) {
		fprintf(stderr, "caprock-viewer: which host? (--help)\n");
		return -1;
	}
	if (*o->conf.user && !*o->conf.password) {
		char *p = getpass("Password: ");
		snprintf(o->conf.password, sizeof(o->conf.password), "%s", p ? p : "");
	}
	make_folder(o->conf.known_hosts);
	return 0;
}
