#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/seat.h"

int seat_connect(const char *path, int *fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path))
		return ERR_RANGE;
	memcpy(a.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return ERR_NOMEM;
	if (!connect(*fd, (struct sockaddr *)&a, sizeof(a)))
		return 0;
	int e = errno == EACCES ? ERR_PERM : ERR_NOENT;
	close(*fd);
	*fd = -1;
	return e;
}

int seat_ask(int fd, enum seat_kind kind, u32 value, struct seat_answer *a, int *got_fd)
{
	struct seat_request r = {kind, value};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {a, sizeof(*a)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	int passed = -1;
	ssize_t n;

	if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		return ERR_NOENT;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&passed, CMSG_DATA(c), sizeof(passed));
	if (n != sizeof(*a) || a->error || (got_fd && passed < 0)) {
		if (passed >= 0)
			close(passed);
		return n != sizeof(*a) ? ERR_NOENT : a->error == EPERM ? ERR_PERM : ERR_IO;
	}
	if (got_fd)
		*got_fd = passed;
	else if (passed >= 0)
		close(passed);
	return 0;
}
