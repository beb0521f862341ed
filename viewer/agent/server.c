/* Listening, and the one loop around everything. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"

#define FIXED_FDS 9
#define ACCEPTS	  8u /* connections taken a turn */

void agent_log(const char *format, ...)
{
	va_list ap;

	fputs("caprock-agent: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int listen_on(const char *host, u32 port, char *error, size_t n, u32 *got)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM,
				.ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char service[16];
	int fd = -1, one = 1;

	snprintf(service, sizeof(service), "%u", port);
	int e = getaddrinfo(*host ? host : NULL, service, &hint, &list);
	if (e) {
		snprintf(error, n, "listen address %s: %s", host, gai_strerror(e));
		return -1;
	}
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 64)) {
			snprintf(error, n, "cannot listen on %s port %u: %m", host, port);
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd >= 0) {
		struct sockaddr_storage s;
		socklen_t len = sizeof(s);

		if (!getsockname(fd, (struct sockaddr *)&s, &len))
			*got =
			    ntohs(s.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&s)->sin6_port
							  : ((struct sockaddr_in *)&s)->sin_port);
	}
	return fd;
}

int server_open(struct agent *a, char *error, size_t n)
{
	sigset_t set;
	u32 port = 0;

	a->listen_fd = a->ws_fd = a->event_fd = a->signal_fd = -1;
	a->attempts = attempts_new(a->conf.max_attempts);
	if (!a->attempts)
		return ERR_NOMEM;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	a->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->signal_fd < 0 || a->event_fd < 0) {
		snprintf(error, n, "no descriptors: %m");
		return ERR_NOMEM;
	}
	a->listen_fd = listen_on(a->conf.listen, a->conf.port, error, n, &port);
	if (a->listen_fd < 0)
		return ERR_IO;
	agent_log("listening on %s port %u", a->conf.listen, port);
	if (a->conf.websocket_port) {
		a->ws_fd = listen_on(a->conf.listen, a->conf.websocket_port, error, n, &port);
		if (a->ws_fd < 0)
			return ERR_IO;
		agent_log("listening for browsers on port %u", port);
	}
	return 0;
}

static void accept_some(struct agent *a, int listen_fd, bool websocket)
{
	/* A crowd at the door is let in by and by: pictures go out in between. */
	for (u32 n = 0; n < ACCEPTS; n++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		char host[INET6_ADDRSTRLEN] = "?", serv[8] = "?", peer[64];
		u32 opening = 0;
		int fd = accept4(listen_fd, (struct sockaddr *)&from, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		getnameinfo((struct sockaddr *)&from, len, host, sizeof(host), serv, sizeof(serv),
			    NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(peer, sizeof(peer), "%s:%s", host, serv);
		for (u32 i = 0; i < a->nsessions; i++)
			opening += a->sessions[i]->state != SESSION_RUN;
		/* Whoever stalls in the opening loses its place to the newcomer: the oldest first. */
		if (opening >= a->conf.max_handshakes) {
			struct session *oldest = NULL;
			for (u32 i = 0; i < a->nsessions; i++)
				if (a->sessions[i]->state != SESSION_RUN &&
				    (!oldest || a->sessions[i]->since_us < oldest->since_us))
					oldest = a->sessions[i];
			if (oldest)
				session_close(oldest, "gave its place to a newer connection");
		}
		net_tune(fd, a->conf.congestion);
		if (session_open(a, fd, peer, websocket))
			agent_log("%s refused: no memory or no place", peer);
		else if (a->conf.verbose)
			agent_log("%s connected", peer);
	}
}

static void signals(struct agent *a)
{
	struct signalfd_siginfo si;

	while (read(a->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		a->quit = true;
	}
}

static void verdicts(struct agent *a)
{
	struct broker_answer v;
	int e;

	while ((e = broker_answer(&a->broker, &v)) > 0)
		for (u32 i = 0; i < a->nsessions; i++)
			if (a->sessions[i]->state == SESSION_AUTH &&
			    a->sessions[i]->auth_id == v.id)
				session_judged(a->sessions[i], v.ok != 0);
	if (e < 0) {
		agent_log(
		    "the helper caprock-auth has ended: passwords cannot be checked any more");
		broker_close(&a->broker);
	}
}

static void desktop_turn(struct agent *a)
{
	struct desktop_change c;
	int e = desktop_update(&a->desktop, &c);

	if (e) {
		agent_log("the desktop is gone (%s)", err_text(e));
		a->quit = true;
		return;
	}
	if (c.resized)
		a->input_ops->resize(a->input, a->desktop.heads.width, a->desktop.heads.height);
	if (c.picture) {
		a->totals.pictures++;
		a->totals.capture_us += a->desktop.capture_us;
	}
	if (c.picture || c.cursor || c.resized)
		for (u32 i = 0; i < a->nsessions; i++)
			session_change(a->sessions[i], &c);
}

static void clipboard_turn(struct agent *a)
{
	u32 n;

	if (!clipboard_dispatch(a->clipboard))
		return;
	const char *text = clipboard_text(a->clipboard, &n);
	for (u32 i = 0; text && i < a->nsessions; i++)
		session_clipboard(a->sessions[i], text, n);
}

static void locks_turn(struct agent *a)
{
	if (!a->input_ops->locks(a->input, &a->locks))
		return;
	for (u32 i = 0; i < a->nsessions; i++)
		session_locks(a->sessions[i]);
}

static bool anybody(const struct agent *a)
{
	for (u32 i = 0; i < a->nsessions; i++)
		if (a->sessions[i]->state == SESSION_RUN)
			return true;
	return false;
}

/* Milliseconds until something must happen though no descriptor says so; finer by ppoll. */
static u64 next_due(const struct agent *a, bool watching)
{
	u64 due = metrics_due(a), t;

	if (watching) {
		t = a->desktop.ops->due_us(a->desktop.capture);
		due = t < due ? t : due;
	}
	t = sound_due(&a->sound);
	due = t < due ? t : due;
	for (u32 i = 0; i < a->nsessions; i++) {
		t = session_due(a->sessions[i]);
		due = t < due ? t : due;
	}
	return due;
}

void server_run(struct agent *a)
{
	static struct pollfd fds[FIXED_FDS + AGENT_MAX_SESSIONS];
	static struct session *who[FIXED_FDS + AGENT_MAX_SESSIONS];

	while (!a->quit) {
		bool watching = anybody(a); /* nobody looks: nothing is captured */
		int capture_fd = a->desktop.ops->fd(a->desktop.capture);
		nfds_t n = FIXED_FDS;
		u64 event;

		fds[0] = (struct pollfd){a->signal_fd, POLLIN, 0};
		fds[1] = (struct pollfd){a->listen_fd, POLLIN, 0};
		fds[2] = (struct pollfd){a->ws_fd, POLLIN, 0};
		fds[3] = (struct pollfd){a->event_fd, POLLIN, 0};
		fds[4] = (struct pollfd){watching ? capture_fd : -1, POLLIN, 0};
		fds[5] = (struct pollfd){a->clipboard ? clipboard_fd(a->clipboard) : -1, POLLIN, 0};
		fds[6] = (struct pollfd){a->broker.fd, POLLIN, 0};
		fds[7] = (struct pollfd){sound_fd(&a->sound), POLLIN, 0};
		fds[8] = (struct pollfd){a->input_ops->fd(a->input), POLLIN, 0};
		for (u32 i = 0; i < a->nsessions; i++) {
			struct session *s = a->sessions[i];

			who[n] = s;
			fds[n++] = (struct pollfd){s->net.fd, session_events(s), 0};
		}
		u64 due = next_due(a, watching), now = now_us();
		struct timespec ts = {0}, *wait = NULL;
		if (due != UINT64_MAX) {
			u64 left = due > now ? due - now : 0;
			ts = (struct timespec){(time_t)(left / 1000000),
					       (long)(left % 1000000) * 1000};
			wait = &ts;
		}
		if (ppoll(fds, n, wait, NULL) < 0 && errno != EINTR)
			break;

		if (fds[0].revents)
			signals(a);
		if (fds[6].revents)
			verdicts(a);
		/* Input first, then pictures: what a key causes is then in the picture. */
		for (nfds_t i = FIXED_FDS; i < n; i++) {
			if (!fds[i].revents)
				continue;
			session_ready(who[i], fds[i].revents);
		}
		if (fds[3].revents && read(a->event_fd, &event, sizeof(event)) == sizeof(event))
			for (u32 i = 0; i < a->nsessions; i++)
				session_coded(a->sessions[i]);
		if (watching &&
		    (fds[4].revents || a->desktop.ops->due_us(a->desktop.capture) <= now_us()))
			desktop_turn(a);
		if (fds[5].revents)
			clipboard_turn(a);
		if (fds[7].revents || sound_due(&a->sound) <= now_us())
			sound_turn(a);
		locks_turn(a); /* replies may have brought its news along already */
		if (fds[1].revents)
			accept_some(a, a->listen_fd, false);
		if (fds[2].revents)
			accept_some(a, a->ws_fd, true);
		now = now_us();
		for (u32 i = a->nsessions; i-- > 0;)
			if (i < a->nsessions && session_due(a->sessions[i]) <= now)
				session_tick(a->sessions[i], now);
		metrics_turn(a, now);
	}
}

void server_close(struct agent *a)
{
	while (a->nsessions) {
		a->sessions[0]->polite = true;
		session_close(a->sessions[0], "the agent ends");
	}
	if (a->listen_fd >= 0)
		close(a->listen_fd);
	if (a->ws_fd >= 0)
		close(a->ws_fd);
	if (a->event_fd >= 0)
		close(a->event_fd);
	if (a->signal_fd >= 0)
		close(a->signal_fd);
	attempts_free(a->attempts);
}
