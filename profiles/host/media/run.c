#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profiles/host/media/run.h"

#define SEARCH_MORE ":/usr/local/sbin:/usr/sbin:/sbin" /* not in everybody's PATH */

static const struct {
	const char *program, *package;
} packages[] = {
    {"mformat", "mtools"},
    {"mmd", "mtools"},
    {"mcopy", "mtools"},
    {"mdel", "mtools"},
    {"sfdisk", "fdisk"},
    {"xorriso", "xorriso"},
    {"grub-mkrescue", "grub-common"},
    {"grub-mknetdir", "grub-common"},
};

int media_fail(struct media_error *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	return -1;
}

static const char *package_of(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
		if (!strcmp(packages[i].program, program))
			return packages[i].package;
	return program;
}

/* The end of what a program printed, in `last`. */
static void drain(int fd, char last[512])
{
	char piece[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (n == 511) {
				memmove(last, last + 256, 255);
				n = 255;
			}
			last[n++] = piece[i];
		}
	}
	while (n && last[n - 1] == '\n')
		n--;
	last[n] = '\0';
}

static void child(const char *const *argv, int in, int out)
{
	const char *path = getenv("PATH");
	char more[8192];

	snprintf(more, sizeof(more), "%s" SEARCH_MORE, path ? path : "/usr/bin:/bin");
	setenv("PATH", more, 1);
	setenv("LC_ALL", "C", 1);
	setenv("MTOOLS_SKIP_CHECK", "1", 1);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	execvp(argv[0], (char *const *)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

int media_run(const char *const *argv, const char *input, struct media_error *why)
{
	int in[2], out[2], status;
	char last[512];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC))
		return media_fail(why, "no pipe to %s: %s", argv[0], strerror(errno));
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return media_fail(why, "no pipe from %s: %s", argv[0], strerror(errno));
	}
	/* A few bytes at most: they fit the pipe. */
	if (input && write(in[1], input, strlen(input)) < 0)
		input = NULL;
	close(in[1]);
	pid = fork();
	if (!pid)
		child(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (pid > 0)
		drain(out[0], last);
	close(out[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return media_fail(why, "%s cannot be run: %s", argv[0], strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return media_fail(why, "%s is not installed. Install the Debian package %s.",
				  argv[0], package_of(argv[0]));
	if (status)
		return media_fail(why, "%s failed (%s %d):\n%s", argv[0],
				  WIFEXITED(status) ? "status" : "signal",
				  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), last);
	return 0;
}

int media_scratch(const char *out, char path[MEDIA_PATH_MAX], struct media_error *why)
{
	if (snprintf(path, MEDIA_PATH_MAX, "%s.XXXXXX", out) >= MEDIA_PATH_MAX)
		return media_fail(why, "%s: the path is too long", out);
	if (!mkdtemp(path))
		return media_fail(why, "%s: no folder can be made beside it: %s", out,
				  strerror(errno));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void media_scratch_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int media_file_size(const char *path, u64 *size, struct media_error *why)
{
	struct stat st;

	if (stat(path, &st) || access(path, R_OK))
		return media_fail(why, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return media_fail(why, "%s is not a regular file", path);
	*size = (u64)st.st_size;
	return 0;
}

int media_write_text(const char *path, const char *text, size_t n, struct media_error *why)
{
	FILE *f = fopen(path, "w");
	bool bad = !f || fwrite(text, 1, n, f) != n;

	if (f)
		bad |= fclose(f) != 0;
	return bad ? media_fail(why, "%s: %s", path, strerror(errno)) : 0;
}

const char *media_path(char path[MEDIA_PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(path, MEDIA_PATH_MAX, "%s/%s", folder, name);

	if (n >= MEDIA_PATH_MAX)
		path[0] = '\0';
	return path;
}
