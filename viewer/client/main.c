/* caprock-viewer: shows a desktop. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "viewer/client/axes.h"
#include "viewer/client/options.h"
#include "viewer/client/output.h"
#include "viewer/client/overlay.h"
#include "viewer/client/speaker.h"

#define RETRY_US   20000u    /* between two attempts at a link that was lost just now */
#define FADE	   256u	     /* and this part of the time that it has been lost already */
#define PATIENT_US 2000000u  /* never longer; also for an attempt once TCP is connected */
#define LOOK_US	   20000u    /* how often a condition to end is looked at */
#define EVENTS_US  5000u     /* a window without a descriptor is looked at so often */
#define WORDS_US   250000u   /* words of progress are looked at so often */
#define LINGER_US  20000000u /* the last words stay, where no terminal shows them */

struct viewer {
	struct options o;
	struct client c;
	struct window *w;
	struct recorder record;
	struct figures figures;
	struct speaker speaker;
	struct axes axes;
	struct pen pen;
	u64 start_us, changed_us, lost_us; /* lost_us 0: the link is up, or never was */
	u32 trip_us;			   /* the lost link's round trip, as TCP knew it */
	bool was_in, filmed;
	bool stats_on; /* asked of this connection */
};

static volatile sig_atomic_t stop, want_picture;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		want_picture = 1;
	else
		stop = 1;
}

static int write_pictures(struct viewer *v)
{
	int e = 0;

	if (v->o.dump)
		e |= output_dump(&v->c, v->o.dump);
	if (v->o.screenshot)
		e |= output_screenshot(&v->c, v->o.screenshot);
	return e;
}

static u64 earliest(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * Until the next attempt at a lost link. TCP itself would ask again after a second, then two: a fresh
 * attempt finds a link that is back at once.
 */
static u64 retry_us(const struct viewer *v, u64 now)
{
	u64 us = RETRY_US + (now - v->lost_us) / FADE;

	if (v->c.state == CLIENT_CONNECTING)
		us += 3 * v->trip_us; /* an answer may be on its way */
	else if (v->c.state != CLIENT_FAILED)
		us = PATIENT_US;
	return earliest(us, PATIENT_US);
}

static void wait_for_something(struct viewer *v, struct pollfd fds[2])
{
	struct client *c = &v->c;
	u64 now = client_now(), due = client_due(c);
	struct timespec ts = {0}, *wait = NULL;

	fds[0] = (struct pollfd){c->state == CLIENT_FAILED ? -1 : c->net.fd, client_events(c), 0};
	fds[1] = (struct pollfd){v->w ? window_fd(v->w) : -1, POLLIN, 0};
	if (v->w && fds[1].fd < 0)
		due = earliest(due, now + EVENTS_US);
	if (v->w && window_waits(v->w))
		due = now;
	if (v->w && (v->lost_us || !v->was_in))
		due = earliest(due, now + WORDS_US);
	if (v->w)
		due = earliest(due, window_due(v->w));
	if (v->lost_us && c->state != CLIENT_IN)
		due = earliest(due, c->began_us + retry_us(v, now));
	if (v->o.seconds)
		due = earliest(due, v->start_us + v->o.seconds * 1000000ull);
	if (v->o.until_exact)
		due = earliest(due, now + LOOK_US);
	due = earliest(due, recorder_due(&v->record));
	due = earliest(due, figures_due(&v->figures));
	due = earliest(due, speaker_due(&v->speaker));
	due = earliest(due, earliest(axes_due(&v->axes), pen_due(&v->pen)));
	if (due != UINT64_MAX) {
		u64 left = due > now ? due - now : 0;
		ts = (struct timespec){(time_t)(left / 1000000), (long)(left % 1000000) * 1000};
		wait = &ts;
	}
	if (ppoll(fds, 2, wait, NULL) < 0 && errno != EINTR)
		stop = 1;
}

static void show(struct viewer *v)
{
	struct client *c = &v->c;

	if (c->state != CLIENT_IN || !c->committed) {
		if (v->w && c->cursor.fresh)
			window_present(v->w, c);
		return;
	}
	if (v->w && (v->lost_us || !v->was_in))
		window_say(v->w, c, NULL);
	u32 us = v->w ? window_present(v->w, c) : 0;
	if (!tileset_empty(&c->painted))
		v->changed_us = client_now();
	client_shown(c, us);
	v->lost_us = 0;
	v->was_in = true;
}

/* The agent measures for whoever looks: a file, or the figures in a window. */
static void ask_for_stats(struct viewer *v)
{
	struct client *c = &v->c;
	bool want = v->figures.file || (v->w && window_wants_stats(v->w));

	if (c->state != CLIENT_IN || !c->native) {
		v->stats_on = false;
	} else if (want != v->stats_on) {
		client_want_stats(c, want);
		v->stats_on = want;
	}
}

static void tell(struct viewer *v)
{
	struct client *c = &v->c;
	char text[600];

	if (*c->notice) {
		fprintf(stderr, "%s\n", c->notice);
		if (v->w)
			window_note(v->w, c, c->notice);
		*c->notice = 0;
	}
	if (!v->w)
		return;
	if (v->lost_us || !v->was_in) {
		overlay_progress(c, v->lost_us, text, sizeof(text));
		window_say(v->w, c, text);
	}
	window_tick(v->w, c);
}

/* Started from a menu, nobody sees standard error: the window keeps the words for a while. */
static void last_words(struct viewer *v)
{
	u64 end = client_now() + LINGER_US;

	fprintf(stderr, "%s\n", v->c.why);
	if (!v->w || !v->o.resume || isatty(STDERR_FILENO))
		return;
	window_say(v->w, &v->c, v->c.why);
	while (!stop && client_now() < end && window_events(v->w, &v->c))
		poll(&(struct pollfd){window_fd(v->w), POLLIN, 0}, 1, WORDS_US / 1000);
}

static void sound(struct viewer *v)
{
	if (v->w && window_wants_mute(v->w)) {
		client_mute(&v->c, !v->c.sound.muted);
		window_note(v->w, &v->c, v->c.sound.muted ? "Muted" : "Sound is on");
	}
	speaker_tick(&v->speaker);
}

/* What a hand does beside keys and the mouse; before the window's events, which go with it. */
static void hand(struct viewer *v)
{
	if (!v->w)
		return;
	if (pen_tick(&v->pen, client_now()))
		client_pen(&v->c, &v->pen.state);
	axes_tick(&v->axes, &v->c, SDL_GetKeyboardFocus() != NULL);
}

static void film(struct viewer *v)
{
	if (v->w && window_wants_film(v->w)) {
		char name[64], text[320] = "There is no picture yet";

		snprintf(name, sizeof(name), "caprock-%llu.h264",
			 (unsigned long long)(client_now() / 1000));
		if (v->record.file) {
			snprintf(text, sizeof(text), "Recorded: %s", v->record.path);
			recorder_close(&v->record);
		} else if (v->c.canvas.px) {
			bool ok = !recorder_open(&v->record, &v->c, name);
			snprintf(text, sizeof(text), "%s %s",
				 ok ? "Recording to" : "Cannot record to", name);
		}
		window_note(v->w, &v->c, text);
	}
	if (v->o.record && v->was_in && !v->filmed) {
		v->filmed = true;
		if (recorder_open(&v->record, &v->c, v->o.record))
			stop = 1;
	}
	recorder_tick(&v->record, &v->c);
}

/* True: this is the end, and c.why says so. */
static bool link_failed(struct viewer *v)
{
	struct client *c = &v->c;
	u64 now = client_now();
	char text[600];

	if (c->state == CLIENT_FAILED && (c->final || !v->was_in || !v->o.resume))
		return true;
	bool again = v->lost_us && c->state != CLIENT_IN && now - c->began_us >= retry_us(v, now);
	if (c->state != CLIENT_FAILED && !again)
		return false;
	if (!v->lost_us) {
		struct net_path path;

		net_path(&c->net, &path);
		v->trip_us = path.min_rtt_us;
		v->lost_us = now;
		snprintf(text, sizeof(text), "%s: reconnecting ...", c->why);
		fprintf(stderr, "%s\n", text);
		if (v->w)
			window_note(v->w, c, text);
	}
	if (again)
		client_connect(c, &v->o.conf);
	return false;
}

/* A whole picture was shown, exact, for as long as is asked, and no part of another has come since. */
static bool is_still(const struct viewer *v, u64 now)
{
	return v->was_in && client_is_exact(&v->c) && tileset_empty(&v->c.painted) &&
	       now - v->changed_us >= v->o.still_ms * 1000ull;
}

/* Until the person, a signal, a condition or the link ends it: the exit status. */
static int run(struct viewer *v)
{
	struct client *c = &v->c;

	while (!stop) {
		struct pollfd fds[2];

		wait_for_something(v, fds);
		hand(v);
		if (v->w && !window_events(v->w, c))
			return 0;
		if (fds[0].fd >= 0 && fds[0].revents)
			client_ready(c, fds[0].revents);
		if (v->w)
			window_follow(v->w, c);
		client_tick(c);
		show(v);
		film(v);
		ask_for_stats(v);
		sound(v);
		figures_tick(&v->figures, c, false);
		if (link_failed(v)) {
			last_words(v);
			return 1;
		}
		tell(v);
		if (want_picture) {
			want_picture = 0;
			write_pictures(v);
		}
		u64 now = client_now();
		if (v->o.until_exact && is_still(v, now))
			return 0;
		if (v->o.seconds && now - v->start_us >= v->o.seconds * 1000000ull) {
			if (v->o.until_exact)
				fprintf(stderr, "not exact after %u seconds\n", v->o.seconds);
			return v->o.until_exact || !v->was_in;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct viewer v;
	char text[600];
	int status = options_parse(&v.o, argc, argv);

	if (status)
		return status < 0 ? 2 : 0;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	if (v.o.stats && figures_open(&v.figures, v.o.stats))
		return 1;
	if (!v.o.headless) {
		v.w = window_open(&v.o.win, text, sizeof(text));
		if (!v.w) {
			fprintf(stderr, "%s\n", text);
			return 1;
		}
		axes_open(&v.axes);
		pen_open(&v.pen);
	}
	v.start_us = v.changed_us = client_now();
	v.c.net.fd = -1;
	client_sound_init(&v.c);
	if (speaker_open(&v.speaker, &v.c, v.o.audio_file))
		return 1;
	client_connect(&v.c, &v.o.conf);
	status = run(&v);
	figures_tick(&v.figures, &v.c, true);
	if (v.o.headless && v.c.canvas.px)
		fprintf(stderr, "commits %u bytes %llu native %d exact %u of %u\n", v.c.commits,
			(unsigned long long)v.c.net.received, v.c.native, tileset_count(&v.c.exact),
			v.c.exact.cols * v.c.exact.rows);
	if (v.was_in && write_pictures(&v))
		status = 1;
	recorder_close(&v.record);
	figures_close(&v.figures);
	speaker_close(&v.speaker);
	client_close(&v.c, true);
	pen_close(&v.pen);
	axes_close(&v.axes);
	window_close(v.w);
	return status;
}
