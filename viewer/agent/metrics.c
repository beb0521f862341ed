#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"

#define INTERVAL_US 5000000u

struct figures {
	struct agent_totals t;
	u64 viewers, openings, start_s;
};

static const struct metric {
	const char *name, *type, *help;
	size_t at;
	bool seconds; /* the value is in microseconds */
} metrics[] = {
    {"viewers", "gauge", "Viewers that are logged in.", offsetof(struct figures, viewers), false},
    {"openings", "gauge", "Connections that have not logged in yet.",
     offsetof(struct figures, openings), false},
    {"connections_total", "counter", "Connections accepted.",
     offsetof(struct figures, t.connections), false},
    {"logins_total", "counter", "Connections that were let in.", offsetof(struct figures, t.logins),
     false},
    {"wrong_passwords_total", "counter", "Passwords and tickets that were refused.",
     offsetof(struct figures, t.wrong_passwords), false},
    {"pictures_total", "counter", "Pictures of the desktop in which something had changed.",
     offsetof(struct figures, t.pictures), false},
    {"capture_seconds_total", "counter", "Time spent on taking and comparing pictures.",
     offsetof(struct figures, t.capture_us), true},
    {"sent_pictures_total", "counter", "Updates sent, of all viewers.",
     offsetof(struct figures, t.sent_pictures), false},
    {"sent_bytes_total", "counter", "Bytes sent to viewers, encryption and frames not counted.",
     offsetof(struct figures, t.sent_bytes), false},
    {"received_bytes_total", "counter", "Bytes received from viewers.",
     offsetof(struct figures, t.received_bytes), false},
    {"start_time_seconds", "gauge", "When the agent started, in seconds since 1970.",
     offsetof(struct figures, start_s), false},
};

static void gather(const struct agent *a, struct figures *f)
{
	*f = (struct figures){.t = a->totals, .start_s = a->start_s};
	for (u32 i = 0; i < a->nsessions; i++) {
		const struct session *s = a->sessions[i];

		*(s->state == SESSION_RUN ? &f->viewers : &f->openings) += 1;
		f->t.sent_pictures += s->rfb.updates + s->out.pictures;
		f->t.sent_bytes += s->net.sent;
		f->t.received_bytes += s->net.received;
	}
}

static void print(FILE *f, const struct figures *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		const struct metric *m = &metrics[i];
		u64 n = *(const u64 *)((const char *)v + m->at);

		fprintf(f, "# HELP caprock_agent_%s %s\n# TYPE caprock_agent_%s %s\n", m->name,
			m->help, m->name, m->type);
		if (m->seconds)
			fprintf(f, "caprock_agent_%s %llu.%06llu\n", m->name,
				(unsigned long long)(n / 1000000),
				(unsigned long long)(n % 1000000));
		else
			fprintf(f, "caprock_agent_%s %llu\n", m->name, (unsigned long long)n);
	}
	fputs("# HELP caprock_agent_info The agent's version.\n"
	      "# TYPE caprock_agent_info gauge\n"
	      "caprock_agent_info{version=\"" CAPROCK_VERSION "\"} 1\n",
	      f);
}

/* 0, or errno. A reader finds the old file or the new one, never a part. */
static int write_file(const struct agent *a)
{
	char beside[sizeof(a->conf.metrics) + 4];
	struct figures v;

	snprintf(beside, sizeof(beside), "%s.new", a->conf.metrics);
	unlink(beside); /* of an agent that was killed */
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno;
	FILE *f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return ENOMEM;
	}
	gather(a, &v);
	print(f, &v);
	int e = fflush(f) ? errno : 0;
	if (!e && fchmod(fd, 0644)) /* whatever the umask */
		e = errno;
	if (fclose(f) && !e)
		e = errno;
	if (!e && rename(beside, a->conf.metrics))
		e = errno;
	if (e)
		unlink(beside);
	return e;
}

int metrics_open(struct agent *a, char *error, size_t n)
{
	a->start_s = (u64)time(NULL);
	if (!*a->conf.metrics)
		return 0;
	int e = write_file(a);
	if (e) {
		snprintf(error, n,
			 "metrics: cannot write %s: %s; its folder must be there and let this user "
			 "make files",
			 a->conf.metrics, strerror(e));
		return ERR_IO;
	}
	a->metrics_us = now_us();
	return 0;
}

u64 metrics_due(const struct agent *a)
{
	return *a->conf.metrics ? a->metrics_us + INTERVAL_US : UINT64_MAX;
}

void metrics_turn(struct agent *a, u64 now)
{
	if (now < metrics_due(a))
		return;
	int e = write_file(a);

	if (e && !a->metrics_failed)
		agent_log("metrics: cannot write %s: %s; tried again every %u s", a->conf.metrics,
			  strerror(e), INTERVAL_US / 1000000);
	a->metrics_failed = e != 0;
	a->metrics_us = now;
}

void metrics_close(struct agent *a)
{
	/* What is old must not look new. */
	if (a->metrics_us)
		unlink(a->conf.metrics);
}
