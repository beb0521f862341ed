/*
 * caprock-auth: the agent's helper. Judges passwords (PAM, or a file of user:hash lines as crypt(3)
 * makes them) and runs the lock command. Talks to nobody but the agent that started it.
 */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "viewer/agent/broker.h"

#define SERVICE_NAME "caprock"

static int converse(int n, const struct pam_message **msg, struct pam_response **out, void *secret)
{
	struct pam_response *r = calloc((size_t)n, sizeof(*r));

	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (msg[i]->msg_style != PAM_PROMPT_ECHO_OFF)
			continue; /* the one thing we have to say is the password */
		r[i].resp = strdup(secret);
		if (!r[i].resp) {
			free(r);
			return PAM_BUF_ERR;
		}
	}
	*out = r;
	return PAM_SUCCESS;
}

static bool judge_pam(const char *user, const char *password)
{
	struct pam_conv conv = {converse, (void *)password};
	pam_handle_t *h = NULL;

	if (pam_start(SERVICE_NAME, user, &conv, &h) != PAM_SUCCESS)
		return false;
	int e = pam_authenticate(h, PAM_DISALLOW_NULL_AUTHTOK | PAM_SILENT);
	if (e == PAM_SUCCESS)
		e = pam_acct_mgmt(h, PAM_SILENT);
	pam_end(h, e);
	return e == PAM_SUCCESS;
}

static bool equal(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (n != strlen(b))
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

static bool judge_file(const char *path, const char *user, const char *password)
{
	struct stat st;
	char line[512];
	bool ok = false;
	FILE *f = fopen(path, "re");

	if (!f || fstat(fileno(f), &st) || st.st_mode & 022) {
		fprintf(stderr, "caprock-auth: %s is missing, or others may write it\n", path);
		if (f)
			fclose(f);
		return false;
	}
	while (!ok && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		if (strcmp(line, user) || strlen(colon + 1) < 8)
			continue; /* an empty or cut hash lets nobody in */
		struct crypt_data data = {0};
		const char *got = crypt_r(password, colon + 1, &data);
		ok = got && got[0] != '*' && equal(got, colon + 1);
		explicit_bzero(&data, sizeof(data));
	}
	fclose(f);
	return ok;
}

static void judge(const struct broker_request *r, size_t n, const char *file)
{
	size_t text = n - offsetof(struct broker_request, text);
	const char *user = r->text, *end = memchr(user, 0, text);
	const char *password = end ? end + 1 : NULL;
	struct broker_answer a = {r->id, 0};

	if (password && memchr(password, 0, text - (size_t)(password - user)))
		a.ok = *file ? judge_file(file, user, password) : judge_pam(user, password);
	if (send(BROKER_FD, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a))
		_exit(1);
}

static void lock(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc != 3 || fcntl(BROKER_FD, F_SETFD, FD_CLOEXEC) < 0) {
		fputs("caprock-auth is started by caprock-agent.\n", stderr);
		return 2;
	}
	/* The agent blocked signals for itself; children of ours want theirs. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_IGN); /* children are not waited for */
	signal(SIGINT, SIG_IGN);
	for (;;) {
		struct broker_request r;
		ssize_t n = recv(BROKER_FD, &r, sizeof(r), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)offsetof(struct broker_request, text))
			return 0;
		/* One process a request: a slow PAM module delays nobody else. */
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGCHLD, SIG_DFL); /* PAM modules wait for their own helpers */
			if (r.kind == BROKER_JUDGE)
				judge(&r, (size_t)n, argv[1]);
			else if (r.kind == BROKER_LOCK)
				lock(argv[2]);
			_exit(0);
		}
		explicit_bzero(&r, sizeof(r));
	}
}
