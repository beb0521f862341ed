#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/broker.h"

extern char **environ;

int broker_open(struct broker *b, const char *password_file, const char *lock_command)
{
	char self[PATH_MAX], path[PATH_MAX + 32];
	char *argv[] = {path, (char *)password_file, (char *)lock_command, NULL};
	posix_spawn_file_actions_t act;
	ssize_t got = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int pair[2], e = 0;

	b->fd = -1;
	if (got <= 0)
		return ERR_NOENT;
	self[got] = 0;
	snprintf(path, sizeof(path), "%s/caprock-auth", dirname(self));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return ERR_IO;
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, pair[1], BROKER_FD);
	if (posix_spawn(&b->pid, path, &act, NULL, argv, environ))
		e = ERR_NOENT;
	posix_spawn_file_actions_destroy(&act);
	close(pair[1]);
	if (e || fcntl(pair[0], F_SETFL, O_NONBLOCK)) {
		close(pair[0]);
		return ERR_NOENT;
	}
	b->fd = pair[0];
	return 0;
}

void broker_close(struct broker *b)
{
	if (b->fd < 0)
		return;
	close(b->fd); /* the helper ends when its socket does */
	waitpid(b->pid, NULL, 0);
	b->fd = -1;
}

static int send_request(struct broker *b, const struct broker_request *r, size_t n)
{
	return send(b->fd, r, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : ERR_IO;
}

int broker_judge(struct broker *b, const char *user, const char *password, u32 *id)
{
	struct broker_request r = {.id = ++b->next_id, .kind = BROKER_JUDGE};
	size_t u = strlen(user) + 1, p = strlen(password) + 1;
	int e = ERR_RANGE;

	if (u + p <= sizeof(r.text)) {
		memcpy(r.text, user, u);
		memcpy(r.text + u, password, p);
		e = send_request(b, &r, offsetof(struct broker_request, text) + u + p);
	}
	explicit_bzero(&r, sizeof(r));
	*id = b->next_id;
	return e;
}

int broker_lock(struct broker *b)
{
	struct broker_request r = {.kind = BROKER_LOCK};

	return send_request(b, &r, offsetof(struct broker_request, text));
}

int broker_answer(struct broker *b, struct broker_answer *a)
{
	ssize_t n = recv(b->fd, a, sizeof(*a), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n == sizeof(*a) ? 1 : ERR_IO;
}
