/* caprock-viewer: shows a desktop. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "viewer/client/window.h"

#define RETRY_US   100000u /* between two attempts while a link is lost */
#define GIVE_UP_US 400000u /* an attempt that brings no answer makes way for a fresh one */

struct options {
	struct client_conf conf;
	struct window_conf win;
	bool headless, once, resume;
	const char *dump; /* raw picture written when the program ends */
	u32 seconds;	  /* 0: no limit */
	bool until_exact; /* end once every pixel is exact and the picture has been still */
	u32 still_ms;
};

static volatile sig_atomic_t stop, want_dump;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		want_dump = 1;
	else
		stop = 1;
}

static void usage(void)
{
	puts(
	    "caprock-viewer [OPTION...] HOST[:PORT | ::PORT]\n"
	    "  --user=NAME --password-file=FILE  log in (the password is asked for otherwise)\n"
	    "  --accept-new         pin the certificate of a machine not seen before\n"
	    "  --ca=FILE            trust this CA's certificates instead of pinned ones\n"
	    "  --known-hosts=FILE   where pinned certificates are kept\n"
	    "  --insecure           allow servers without encryption (a hypervisor's console)\n"
	    "  --plain              speak plain RFB only\n"
	    "  --encoding=tight|zrle|raw  --quality=0..9|lossless   for plain RFB\n"
	    "  --fullscreen --smooth --grab\n"
	    "  --clipboard=both|in|out|off   in: this desk's text to the desktop\n"
	    "  --no-reconnect       end when the connection is lost\n"
	    "  --headless           no window; --dump=FILE writes the picture at the end (and on\n"
	    "                       SIGUSR1), --seconds=N and --until-exact[=STILL_MS] end it\n"
	    "Keys: Ctrl+Alt+Shift with F full screen, G keyboard grab, R relative pointer, S smooth\n"
	    "scaling, I figures, P screenshot.");
}

static int read_password(const char *path, char *out, size_t n)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(out, (int)n, f)) {
		if (f)
			fclose(f);
		return -1;
	}
	fclose(f);
	out[strcspn(out, "\r\n")] = 0;
	return 0;
}

static void parse_host(struct client_conf *c, const char *text)
{
	const char *two = strstr(text, "::"), *one = strrchr(text, ':');

	snprintf(c->port, sizeof(c->port), "5900");
	if (two && strchr(text, ':') == two) {
		snprintf(c->host, sizeof(c->host), "%.*s", (int)(two - text), text);
		snprintf(c->port, sizeof(c->port), "%s", two + 2);
	} else if (one && strchr(text, ':') == one) {
		int port = atoi(one + 1);

		snprintf(c->host, sizeof(c->host), "%.*s", (int)(one - text), text);
		snprintf(c->port, sizeof(c->port), "%d", port < 100 ? 5900 + port : port);
	} else {
		snprintf(c->host, sizeof(c->host), "%s", text);
	}
	if (!*c->host)
		snprintf(c->host, sizeof(c->host), "localhost");
}

static const char *value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static int parse(struct options *o, int argc, char **argv)
{
	const char *v, *home = getenv("HOME"), *host = NULL;

	*o = (struct options){.resume = true, .still_ms = 300};
	o->conf.quality = 8;
	o->win =
	    (struct window_conf){.clipboard_in = true, .clipboard_out = true, .title = "Caprock"};
	snprintf(o->conf.known_hosts, sizeof(o->conf.known_hosts), "%s/.config/caprock/known_hosts",
		 home ? home : ".");
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--help")) {
			usage();
			exit(0);
		} else if (!strcmp(a, "--version")) {
			puts("caprock-viewer " CAPROCK_VERSION);
			exit(0);
		} else if ((v = value(a, "--user"))) {
			snprintf(o->conf.user, sizeof(o->conf.user), "%s", v);
		} else if ((v = value(a, "--password-file"))) {
			if (read_password(v, o->conf.password, sizeof(o->conf.password))) {
				fprintf(stderr, "cannot read %s: %m\n", v);
				return -1;
			}
		} else if ((v = value(a, "--ca"))) {
			snprintf(o->conf.ca_file, sizeof(o->conf.ca_file), "%s", v);
		} else if ((v = value(a, "--known-hosts"))) {
			snprintf(o->conf.known_hosts, sizeof(o->conf.known_hosts), "%s", v);
		} else if ((v = value(a, "--encoding"))) {
			o->conf.encoding = !strcmp(v, "zrle")  ? ENC_ZRLE
					   : !strcmp(v, "raw") ? -1
							       : ENC_TIGHT;
		} else if ((v = value(a, "--quality"))) {
			o->conf.quality = !strcmp(v, "lossless") ? -1 : atoi(v);
		} else if ((v = value(a, "--clipboard"))) {
			o->win.clipboard_in = !strcmp(v, "both") || !strcmp(v, "in");
			o->win.clipboard_out = !strcmp(v, "both") || !strcmp(v, "out");
		} else if ((v = value(a, "--dump"))) {
			o->dump = v;
		} else if ((v = value(a, "--seconds"))) {
			o->seconds = (u32)atoi(v);
		} else if ((v = value(a, "--until-exact"))) {
			o->until_exact = true;
			o->still_ms = (u32)atoi(v);
		} else if (!strcmp(a, "--until-exact")) {
			o->until_exact = true;
		} else if (!strcmp(a, "--accept-new")) {
			o->conf.accept_new = true;
		} else if (!strcmp(a, "--insecure")) {
			o->conf.insecure = true;
		} else if (!strcmp(a, "--plain")) {
			o->conf.plain = true;
		} else if (!strcmp(a, "--fullscreen")) {
			o->win.fullscreen = true;
		} else if (!strcmp(a, "--smooth")) {
			o->win.smooth = true;
		} else if (!strcmp(a, "--grab")) {
			o->win.grab = true;
		} else if (!strcmp(a, "--headless")) {
			o->headless = true;
		} else if (!strcmp(a, "--no-reconnect")) {
			o->resume = false;
		} else if (a[0] == '-' || host) {
			fprintf(stderr, "'%s' is not understood (--help)\n", a);
			return -1;
		} else {
			host = a;
		}
	}
	if (!host) {
		usage();
		return -1;
	}
	parse_host(&o->conf, host);
	if (*o->conf.user && !*o->conf.password) {
		char *p = getpass("Password: ");
		snprintf(o->conf.password, sizeof(o->conf.password), "%s", p ? p : "");
	}
	char dir[512];
	snprintf(dir, sizeof(dir), "%s", o->conf.known_hosts);
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = 0;
		mkdir(dir, 0700); /* if it cannot be made, pinning says so */
	}
	return 0;
}

static int dump(const struct client *c, const char *path)
{
	FILE *f = fopen(path, "we");
	int e = f ? 0 : -1;

	for (u32 y = 0; !e && y < c->canvas.h; y++)
		for (u32 x = 0; x < c->canvas.w; x++) {
			u32 p = *image_at(&c->canvas, x, y) & 0xffffff;
			u8 b[4] = {(u8)p, (u8)(p >> 8), (u8)(p >> 16), 0};
			if (fwrite(b, 4, 1, f) != 1)
				e = -1;
		}
	if (f && fclose(f))
		e = -1;
	if (e)
		fprintf(stderr, "cannot write %s: %m\n", path);
	return e;
}

static bool all_exact(const struct client *c)
{
	u32 n = c->exact.cols * c->exact.rows;

	return c->state == CLIENT_IN && n &&
	       (c->native ? tileset_count(&c->exact) == n : c->commits > 0);
}

int main(int argc, char **argv)
{
	static struct client c;
	struct options o;
	struct window *w = NULL;
	char text[600];
	int status = 1;
	bool was_in = false;
	u64 lost_us = 0;

	if (parse(&o, argc, argv))
		return 2;
	if (o.conf.encoding == -1)
		o.conf.encoding = ENC_RAW;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	if (!o.headless) {
		w = window_open(&o.win, text, sizeof(text));
		if (!w) {
			fprintf(stderr, "%s\n", text);
			return 1;
		}
		snprintf(text, sizeof(text), "Connecting to %s ...", o.conf.host);
		window_say(w, text);
	}
	u64 start = client_now(), changed = start;
	c.net.fd = -1;
	client_connect(&c, &o.conf);
	while (!stop) {
		struct pollfd fds[2] = {{c.net.fd, client_events(&c), 0},
					{w ? window_fd(w) : -1, POLLIN, 0}};
		u64 due = client_due(&c), now = client_now();

		if (c.state == CLIENT_FAILED)
			fds[0].fd = -1;
		if (w && fds[1].fd < 0 && due > now + 5000)
			due = now + 5000;
		if (lost_us && c.state != CLIENT_IN && due > c.began_us + RETRY_US)
			due = c.began_us + RETRY_US;
		if (o.seconds && due > start + o.seconds * 1000000ull)
			due = start + o.seconds * 1000000ull;
		if (o.until_exact && due > now + 20000)
			due = now + 20000;
		struct timespec ts = {0}, *wait = NULL;
		if (due != UINT64_MAX) {
			u64 left = due > now ? due - now : 0;
			ts = (struct timespec){(time_t)(left / 1000000),
					       (long)(left % 1000000) * 1000};
			wait = &ts;
		}
		if (ppoll(fds, 2, wait, NULL) < 0 && errno != EINTR)
			break;
		if (w && !window_events(w, &c)) {
			status = 0;
			break;
		}
		if (fds[0].fd >= 0 && fds[0].revents)
			client_ready(&c, fds[0].revents);
		client_tick(&c);
		if (c.state == CLIENT_IN && c.committed) {
			u32 us = w ? window_present(w, &c) : 0;

			if (!tileset_empty(&c.painted))
				changed = client_now();
			client_shown(&c, us);
			if (w && lost_us)
				window_say(w, NULL);
			if (!was_in && w)
				window_say(w, NULL);
			lost_us = 0;
			was_in = true;
		} else if (w && c.cursor.fresh) {
			window_present(w, &c);
		}
		now = client_now();
		if (*c.notice) {
			fprintf(stderr, "%s\n", c.notice);
			*c.notice = 0;
		}
		if (c.state == CLIENT_FAILED && (c.final || !was_in || !o.resume)) {
			fprintf(stderr, "%s\n", c.why);
			if (w && !o.resume)
				window_say(w, c.why);
			break;
		}
		bool stale = lost_us && c.state != CLIENT_IN && now - c.began_us >= GIVE_UP_US;
		if (c.state == CLIENT_FAILED || stale) {
			if (!lost_us) {
				lost_us = now;
				snprintf(text, sizeof(text), "%s: reconnecting ...", c.why);
				fprintf(stderr, "%s\n", text);
				if (w)
					window_say(w, text);
			}
			if (stale || now - c.began_us >= RETRY_US)
				client_connect(&c, &o.conf);
		}
		if (want_dump && o.dump) {
			want_dump = 0;
			dump(&c, o.dump);
		}
		if (o.until_exact && all_exact(&c) && now - changed >= o.still_ms * 1000ull) {
			status = 0;
			break;
		}
		if (o.seconds && now - start >= o.seconds * 1000000ull) {
			status = o.until_exact || !was_in;
			break;
		}
	}
	if (stop)
		status = 0;
	if (o.headless && c.canvas.px)
		fprintf(stderr, "commits %u bytes %llu native %d exact %u of %u\n", c.commits,
			(unsigned long long)c.net.received, c.native, tileset_count(&c.exact),
			c.exact.cols * c.exact.rows);
	if (o.dump && c.canvas.px && dump(&c, o.dump))
		status = 1;
	client_close(&c, true);
	window_close(w);
	return status;
}
