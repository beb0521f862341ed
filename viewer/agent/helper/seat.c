/*
 * caprock-seat: hands one user's agent the graphics card's pixels and uinput (see seat.h).
 *
 * It keeps one capability (CAP_SYS_ADMIN, which drmModeGetFB2 asks for), looks at nothing that its
 * clients send but two numbers, and serves each connection in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/un.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "viewer/agent/seat.h"

#define CARDS	16
#define CLIENTS 4 /* connections at a time */

static const char *card_path; /* NULL: the first that drives outputs */

/* A card that can show something. Whoever opens it first becomes its master: that is given back. */
static int open_card(char path[64])
{
	for (int i = 0; i < CARDS; i++) {
		if (card_path)
			snprintf(path, 64, "%s", card_path);
		else
			snprintf(path, 64, "/dev/dri/card%d", i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			drmDropMaster(fd);
			drmModeRes *res = drmModeGetResources(fd);
			bool shows = res && res->count_crtcs && res->count_connectors;
			drmModeFreeResources(res);
			if (shows && !drmIsMaster(fd))
				return fd;
			close(fd);
			errno = ENODEV;
		}
		if (card_path)
			break;
	}
	return -1;
}

static void get_framebuffer(int card, u32 id, struct seat_answer *a)
{
	drmModeFB2 *f = drmModeGetFB2(card, id);

	if (!f) {
		a->error = errno;
		return;
	}
	a->w = f->width;
	a->h = f->height;
	a->fourcc = f->pixel_format;
	a->modifier = f->flags & DRM_MODE_FB_MODIFIERS ? f->modifier : (1ull << 56) - 1;
	for (int i = 0; i < SEAT_PLANES; i++) {
		a->handle[i] = f->handles[i];
		a->pitch[i] = f->pitches[i];
		a->offset[i] = f->offsets[i];
	}
	if (!f->handles[0])
		a->error = EPERM; /* CAP_SYS_ADMIN is missing */
	drmModeFreeFB2(f);
}

static bool answer(int fd, const struct seat_answer *a, int pass)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)a, sizeof(*a)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (pass >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == sizeof(*a);
}

static void serve(int fd)
{
	struct seat_request r;
	int card = -1;

	while (recv(fd, &r, sizeof(r), 0) == sizeof(r)) {
		struct seat_answer a = {0};
		int pass = -1;

		switch (r.kind) {
		case SEAT_CARD:
			if (card < 0)
				card = open_card(a.path);
			pass = card;
			a.error = card < 0 ? errno : 0;
			break;
		case SEAT_FRAMEBUFFER:
			if (card < 0)
				a.error = EINVAL;
			else
				get_framebuffer(card, r.value, &a);
			break;
		case SEAT_UINPUT:
			snprintf(a.path, sizeof(a.path), "/dev/uinput");
			pass = open(a.path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			a.error = pass < 0 ? errno : 0;
			break;
		default:
			a.error = EINVAL;
			break;
		}
		bool sent = answer(fd, &a, pass);
		if (pass >= 0 && pass != card)
			close(pass);
		if (!sent)
			return;
	}
}

/* Keeps CAP_SYS_ADMIN alone; files are opened as what they belong to: root. */
static int drop_rights(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{0}, {0}};

	d[0].permitted = d[0].effective = 1u << CAP_SYS_ADMIN;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (cap != CAP_SYS_ADMIN && prctl(PR_CAPBSET_DROP, cap))
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &h, d))
		return -1;
	return 0;
}

static int listen_at(const char *path, uid_t owner)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char folder[sizeof(a.sun_path)];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path)) {
		errno = fd < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = 0;
		if (mkdir(folder, 0755) && errno != EEXIST)
			return -1;
	}
	memcpy(a.sun_path, path, strlen(path));
	unlink(path);
	umask(0177);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || chown(path, owner, (gid_t)-1) ||
	    listen(fd, 4))
		return -1;
	return fd;
}

static bool may_enter(int fd, uid_t owner)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) && (c.uid == owner || c.uid == 0);
}

static const char *value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) ? arg + n : NULL;
}

int main(int argc, char **argv)
{
	const char *path = SEAT_SOCKET, *user = NULL, *v;
	pid_t children[CLIENTS];
	int live = 0;

	for (int i = 1; i < argc; i++) {
		if ((v = value(argv[i], "--user="))) {
			user = v;
		} else if ((v = value(argv[i], "--socket="))) {
			path = v;
		} else if ((v = value(argv[i], "--card="))) {
			card_path = v;
		} else {
			printf("caprock-seat --user=NAME [--socket=%s] [--card=/dev/dri/cardN]\n"
			       "Hands NAME's caprock-agent the picture of the graphics card and "
			       "uinput.\n",
			       SEAT_SOCKET);
			return strcmp(argv[i], "--help") ? 2 : 0;
		}
	}
	struct passwd *p = user ? getpwnam(user) : NULL;
	if (!p) {
		fprintf(stderr, "caprock-seat: --user=%s: %s\n", user ? user : "",
			user ? "there is no such user" : "say whose agent may connect");
		return 2;
	}
	int fd = listen_at(path, p->pw_uid);
	if (fd < 0) {
		fprintf(stderr, "caprock-seat: cannot listen at %s: %m\n", path);
		return 1;
	}
	if (drop_rights()) {
		fprintf(stderr, "caprock-seat: cannot give up rights: %m (started by root?)\n");
		return 1;
	}
	fprintf(stderr, "caprock-seat: serves %s at %s\n", user, path);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c < 0 && errno == EINTR)
			continue;
		if (c < 0)
			break;
		for (int i = 0; i < live; i++)
			if (waitpid(children[i], NULL, WNOHANG))
				children[i--] = children[--live];
		pid_t pid = -1;
		if (may_enter(c, p->pw_uid) && live < CLIENTS)
			pid = fork();
		if (pid == 0) {
			close(fd);
			serve(c);
			_exit(0);
		}
		if (pid > 0)
			children[live++] = pid;
		close(c);
	}
	fprintf(stderr, "caprock-seat: %m\n");
	return 1;
}
