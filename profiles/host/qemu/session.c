#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "profiles/host/qemu/session.h"

#define LINE_MAX_ 4096
#define ARGS	  (QEMU_ARGS_MAX + 48)
#define ERRORS	  4096 /* bytes of QEMU's own words that are kept */
#define REFUSED_S 3
#define OVMF	  "/usr/share/ovmf/OVMF.fd" /* variables in RAM, so each run is a first start */

struct console {
	const char *name; /* NULL: the hypervisor's */
	FILE *log;
	bool wanted, off, failed, matched;
};

struct session {
	const struct session_options *o;
	struct console *consoles; /* the hypervisor's first */
	u32 n;
	char line[LINE_MAX_];
	size_t length;
	bool panicked, halted;
	double refused; /* when the first refusal was said; 0: none was */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static struct console *find(struct session *s, const char *name, size_t n)
{
	for (u32 i = 1; i < s->n; i++)
		if (strlen(s->consoles[i].name) == n && !strncmp(s->consoles[i].name, name, n))
			return &s->consoles[i];
	return NULL;
}

/* A line of the hypervisor about a workstation: "NAME: powers off". */
static void hypervisor_says(struct session *s, const char *text)
{
	static const struct {
		const char *words;
		bool failed;
	} ends[] = {{"powers off", false},
		    {"has failed; stopped", true},
		    {"cannot be made", true},
		    {"its kernel", true}};
	const char *start = text, *colon;
	struct console *c;

	if (!strncmp(start, "error: ", 7) || !strncmp(start, "warning: ", 9))
		start = strchr(start, ' ') + 1;
	if (!strncmp(start, "refused (", 9) && !s->refused)
		s->refused = now();
	if (!strncmp(start, "panic: ", 7))
		s->panicked = true;
	if (!strcmp(start, "halted") || !strncmp(start, "halted;", 7))
		s->halted = true;
	colon = strstr(start, ": ");
	c = colon ? find(s, start, (size_t)(colon - start)) : NULL;
	if (!c)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
		if (!strncmp(colon + 2, ends[i].words, strlen(ends[i].words))) {
			c->off = true;
			c->failed |= ends[i].failed;
		}
	if (!strncmp(colon + 2, "started", 7))
		c->off = false;
}

/* "[NAME] text" is a workstation's, "[caprock] text" and anything else the hypervisor's. */
static void take_line(struct session *s)
{
	char *text = s->line, *bracket;
	struct console *c = NULL;

	while (s->length && (s->line[s->length - 1] == '\r'))
		s->length--;
	s->line[s->length] = '\0';
	s->length = 0;
	if (!s->o->quiet)
		printf("%s\n", text);
	bracket = text[0] == '[' ? strchr(text, ']') : NULL;
	if (bracket) {
		c = find(s, text + 1, (size_t)(bracket - text - 1));
		if (c || !strncmp(text, "[caprock]", 9))
			text = bracket[1] == ' ' ? bracket + 2 : bracket + 1;
	}
	if (!c) {
		c = &s->consoles[0];
		hypervisor_says(s, text);
	} else if (s->o->until && strstr(text, s->o->until)) {
		c->matched = true;
	}
	fprintf(c->log, "%s\n", text);
	fflush(c->log);
}

static void take_bytes(struct session *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || s->length == sizeof(s->line) - 1)
			take_line(s);
		if (bytes[i] != '\n')
			s->line[s->length++] = bytes[i];
	}
}

/* ---- how it ends ----------------------------------------------------------------------------- */

/* False: it goes on. */
static bool over(const struct session *s, enum session_end *end)
{
	bool all_off = true, all_matched = s->o->until != NULL, failed = false;

	for (u32 i = 1; i < s->n; i++) {
		const struct console *c = &s->consoles[i];

		if (!c->wanted)
			continue;
		all_off &= c->off;
		all_matched &= c->matched;
		failed |= c->failed;
	}
	/* Others may go on without the refused one; give the hypervisor time to say why, no more. */
	if (s->refused && now() - s->refused > REFUSED_S)
		*end = SESSION_REFUSED;
	else if (s->panicked || s->halted)
		*end = s->panicked ? SESSION_FAILED : SESSION_REFUSED;
	else if (all_matched)
		*end = SESSION_UNTIL;
	else if (all_off)
		*end = failed ? SESSION_FAILED : SESSION_OFF;
	else
		return false;
	return true;
}

static pid_t start(const char *const *args, int *out, int *err)
{
	int o[2], e[2];
	pid_t pid;

	if (pipe(o) || pipe(e))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(o[1], STDOUT_FILENO);
		dup2(e[1], STDERR_FILENO);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		if (!freopen("/dev/null", "r", stdin))
			_exit(127);
		execvp(args[0], (char *const *)args);
		dprintf(STDERR_FILENO, "%s: %s; install the package qemu-system-x86\n", args[0],
			strerror(errno));
		_exit(127);
	}
	close(o[1]);
	close(e[1]);
	*out = o[0];
	*err = e[0];
	return pid;
}

/* Until it is over; QEMU's own words are kept in `errors`. */
static enum session_end follow(struct session *s, int out, int err, char *errors)
{
	double limit = s->o->timeout ? now() + s->o->timeout : 0;
	struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
	enum session_end end = SESSION_FAILED;
	size_t kept = 0;
	char bytes[4096];

	while (fds[0].fd >= 0) {
		if (stopped)
			return SESSION_STOPPED;
		if (limit && now() >= limit)
			return SESSION_TIME;
		if (poll(fds, 2, 200) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!(fds[i].revents & (POLLIN | POLLHUP)))
				continue;
			n = read(fds[i].fd, bytes, sizeof(bytes));
			if (n <= 0) {
				fds[i].fd = -1;
			} else if (!i) {
				take_bytes(s, bytes, (size_t)n);
			} else if (kept + (size_t)n < ERRORS) {
				memcpy(errors + kept, bytes, (size_t)n);
				kept += (size_t)n;
			}
		}
		if (over(s, &end))
			return end;
	}
	/* QEMU ended: what it printed last counts. */
	return over(s, &end) ? end : SESSION_FAILED;
}

static bool open_logs(struct session *s, const struct study *study)
{
	char path[4096];

	s->n = study->site->nworkstations + 1;
	s->consoles = calloc(s->n, sizeof(*s->consoles));
	for (u32 i = 0; s->consoles && i < s->n; i++) {
		struct console *c = &s->consoles[i];

		if (i) {
			c->name = study->site->workstations[i - 1].name;
			c->wanted = study->site->workstations[i - 1].autostart;
		}
		snprintf(path, sizeof(path), "%s/%s.log", s->o->logs, i ? c->name : "caprock");
		c->log = fopen(path, "w");
		if (!c->log) {
			fprintf(stderr, "caprock: %s: %s\n", path, strerror(errno));
			return false;
		}
	}
	return s->consoles != NULL;
}

static void close_logs(struct session *s)
{
	for (u32 i = 0; s->consoles && i < s->n; i++)
		if (s->consoles[i].log)
			fclose(s->consoles[i].log);
	free(s->consoles);
}

/* What the machine starts from: the ELF file by PVH, or a medium by its firmware. */
static void add_boot(struct study *s, const struct session_options *o, const char **args)
{
	const char *medium = o->usb ? o->usb : o->iso;
	const char *const direct[] = {"-kernel", o->hypervisor, "-initrd", o->bundle};
	/* The last slot is kept free of workstations' devices. */
	const char *const stick[] = {"-bios",	OVMF,
				     "-device", "qemu-xhci,id=boot,bus=pcie.0,addr=1e",
				     "-device", "usb-storage,bus=boot.0,drive=medium,bootindex=0"};
	const char *const disc[] = {"-device", "ide-cd,drive=medium,bootindex=0"};

	if (!medium) {
		memcpy(args, direct, sizeof(direct));
		return;
	}
	*args++ = "-drive";
	*args++ = chunks_print(&s->mem, "if=none,id=medium,format=raw,file=%s%s", medium,
			       o->iso ? ",media=cdrom,readonly=on" : "");
	if (o->usb)
		memcpy(args, stick, sizeof(stick));
	else
		memcpy(args, disc, sizeof(disc));
}

int session_run(struct study *study, const struct standin *t, const struct session_options *o)
{
	struct session s = {.o = o};
	struct sigaction action = {.sa_handler = stop}, old[2];
	char smp[64], memory[32], errors[ERRORS] = "";
	const char *args[ARGS] = {o->qemu,
				  "-machine",
				  "q35,kernel-irqchip=off",
				  "-accel",
				  "tcg,thread=multi",
				  "-cpu",
				  "EPYC,+svm,+npt,+x2apic",
				  "-smp",
				  smp,
				  "-m",
				  memory,
				  "-display",
				  o->display ? o->display : "none",
				  "-vga",
				  "none",
				  "-nic",
				  "none",
				  "-no-reboot",
				  "-monitor",
				  "none",
				  "-serial",
				  "stdio"};
	int out, err, status = 0, end = -1;
	u32 n = 22;
	pid_t pid;

	for (u32 i = 0; i < t->nargs; i++)
		args[n++] = t->args[i];
	add_boot(study, o, args + n);
	snprintf(smp, sizeof(smp), "%u,cores=%u,threads=%u", t->cores * t->threads, t->cores,
		 t->threads);
	snprintf(memory, sizeof(memory), "%lluM", (unsigned long long)t->memory >> 20);
	if (!open_logs(&s, study))
		goto done;
	stopped = 0;
	sigaction(SIGINT, &action, &old[0]);
	sigaction(SIGTERM, &action, &old[1]);
	pid = start(args, &out, &err);
	if (pid < 0) {
		perror("caprock: starting QEMU");
		goto restore;
	}
	end = follow(&s, out, err, errors);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(out);
	close(err);
	if (s.length)
		take_line(&s);
	if (end == SESSION_FAILED && errors[0])
		fprintf(stderr, "QEMU says: %s", errors);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		end = -1;
restore:
	sigaction(SIGINT, &old[0], NULL);
	sigaction(SIGTERM, &old[1], NULL);
done:
	close_logs(&s);
	return end;
}
