/* caprock-agent: streams the desktop it runs in. */
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"
#include "viewer/agent/encoder.h"
#include "viewer/agent/sandbox.h"

static const struct capture_ops *const sources[] = {&capture_x11, &capture_drm, &capture_test};
static const struct input_ops *const inputs[] = {&input_xtest, &input_uinput, &input_none};

static void usage(void)
{
	puts(
	    "caprock-agent [--config=FILE] [--kernel-line=FILE] [--KEY=VALUE ...]\n"
	    "Streams this desktop to caprock-viewer and to VNC clients. What a profile of Caprock says is\n"
	    "found in /proc/cmdline, or in the file that is named instead. Keys:\n");
	config_print_keys();
}

/* The argument's value when it is --NAME=VALUE, else NULL. */
static const char *value_of(const char *argument, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(argument, "--", 2) && !strncmp(argument + 2, name, n) &&
		       argument[n + 2] == '='
		   ? argument + n + 3
		   : NULL;
}

/* Files first, then what the workstation's profile says, whatever the order of the arguments. */
static int configure(struct config *c, int argc, char **argv, char *error, size_t n)
{
	const char *line = "/proc/cmdline", *value;

	for (int i = 1; i < argc; i++) {
		int e = (value = value_of(argv[i], "config")) ? config_file(c, value, error, n) : 0;

		if (e)
			return e;
		if ((value = value_of(argv[i], "kernel-line")))
			line = value;
	}
	return config_kernel_line(c, line, error, n);
}

static int arguments(struct config *c, int argc, char **argv, char *error, size_t n)
{
	for (int i = 1; i < argc; i++) {
		char key[64];
		const char *eq = strchr(argv[i], '=');

		if (strncmp(argv[i], "--", 2)) {
			snprintf(error, n, "'%s' is no --KEY=VALUE", argv[i]);
			return ERR_INVAL;
		}
		if (!strcmp(argv[i], "--help")) {
			usage();
			exit(0);
		}
		if (!strcmp(argv[i], "--version")) {
			puts("caprock-agent " CAPROCK_VERSION);
			exit(0);
		}
		if (value_of(argv[i], "config") || value_of(argv[i], "kernel-line"))
			continue;
		snprintf(key, sizeof(key), "%.*s",
			 (int)(eq ? eq - argv[i] - 2 : (long)strlen(argv[i]) - 2), argv[i] + 2);
		int e = config_set(c, key, eq ? eq + 1 : "yes", error, n);

		if (e)
			return e;
	}
	return 0;
}

/* What was left empty and follows from the rest. */
static void fill_in(struct config *c)
{
	struct passwd *p = getpwuid(getuid());
	const char *home = getenv("XDG_STATE_HOME");
	char host[64] = "";

	if (!*c->user && p)
		snprintf(c->user, sizeof(c->user), "%s", p->pw_name);
	gethostname(host, sizeof(host) - 1);
	if (!*c->name)
		snprintf(c->name, sizeof(c->name), "%s@%s", c->user, host);
	if (!*c->state && home)
		snprintf(c->state, sizeof(c->state), "%s/caprock", home);
	else if (!*c->state)
		snprintf(c->state, sizeof(c->state), "%s/.caprock", p ? p->pw_dir : ".");
	if (!*c->input)
		snprintf(c->input, sizeof(c->input), "%s",
			 !strcmp(c->source, "x11")   ? "xtest"
			 : !strcmp(c->source, "drm") ? "uinput"
						     : "none");
}

static int read_vnc_password(struct agent *a, char *error, size_t n)
{
	FILE *f = fopen(a->conf.vnc_password_file, "re");
	char line[64] = "";

	if (!f || !fgets(line, sizeof(line), f)) {
		snprintf(error, n, "cannot read vnc_password_file %s: %m",
			 a->conf.vnc_password_file);
		if (f)
			fclose(f);
		return ERR_NOENT;
	}
	fclose(f);
	line[strcspn(line, "\r\n")] = 0;
	snprintf(a->vnc_password, sizeof(a->vnc_password), "%.8s", line);
	explicit_bzero(line, sizeof(line));
	return 0;
}

static int open_desktop(struct agent *a, char *error, size_t n)
{
	const struct capture_ops *ops = NULL;
	struct capture_conf conf = {
	    .source = *a->conf.display ? a->conf.display : NULL,
	    .w = a->conf.width,
	    .h = a->conf.height,
	    .fps = a->conf.fps,
	    .heads = a->conf.heads,
	    .loop = a->conf.loop,
	    .gl = a->conf.drm_gl,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(sources[i]->name, a->conf.source))
			ops = sources[i];
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
		if (!strcmp(inputs[i]->name, a->conf.input))
			a->input_ops = inputs[i];
	if (!ops || !a->input_ops) {
		snprintf(error, n, "there is no %s '%s'", !ops ? "source" : "input",
			 !ops ? a->conf.source : a->conf.input);
		return ERR_NOENT;
	}
	a->encoder = encoder_choose(&a->conf, error, n);
	if (!a->encoder)
		return ERR_NOENT;
	if (ops == &capture_test && !conf.source)
		conf.source = "mix";
	if (desktop_open(&a->desktop, ops, &conf)) {
		snprintf(error, n, "source %s: %s", ops->name, a->desktop.error);
		return ERR_IO;
	}
	/* XTest wants the display that is captured, uinput the same helper. */
	bool same = (ops == &capture_x11 && a->input_ops == &input_xtest) ||
		    (ops == &capture_drm && a->input_ops == &input_uinput);
	a->input = a->input_ops->open(same ? conf.source : NULL, error, n);
	if (!a->input)
		return ERR_IO;
	a->input_ops->resize(a->input, a->desktop.heads.width, a->desktop.heads.height);
	a->input_ops->locks(a->input, &a->locks);
	if (ops == &capture_x11 && a->conf.clipboard != CLIP_OFF) {
		a->clipboard = clipboard_open(conf.source, error, n);
		if (!a->clipboard)
			return ERR_IO;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct agent a;
	char error[512] = "";
	int status = 1;

	config_default(&a.conf);
	a.broker.fd = -1;
	a.listen_fd = a.ws_fd = a.event_fd = a.signal_fd = -1;
	if (configure(&a.conf, argc, argv, error, sizeof(error)) ||
	    arguments(&a.conf, argc, argv, error, sizeof(error)) ||
	    config_check(&a.conf, error, sizeof(error)))
		goto out;
	fill_in(&a.conf);
	if ((a.conf.vnc || a.conf.x509_vnc) && read_vnc_password(&a, error, sizeof(error)))
		goto out;
	if (certificate_load(&a, error, sizeof(error)) || open_desktop(&a, error, sizeof(error)) ||
	    metrics_open(&a, error, sizeof(error)) || server_open(&a, error, sizeof(error)) ||
	    sound_open(&a.sound, &a.conf, error, sizeof(error)))
		goto out;
	if (broker_open(&a.broker, a.conf.password_file, a.conf.lock_command)) {
		snprintf(error, sizeof(error),
			 "the helper caprock-auth is not beside this program");
		goto out;
	}
	if (a.conf.open || a.conf.vnc)
		agent_log("warning: connections without encryption are allowed (security=)");
	if (a.conf.sandbox && sandbox_enter(error, sizeof(error)))
		goto out;
	server_run(&a);
	status = 0;
out:
	if (*error)
		agent_log("%s", error);
	server_close(&a);
	metrics_close(&a);
	broker_close(&a.broker);
	clipboard_close(a.clipboard);
	sound_close(&a.sound);
	if (a.input)
		a.input_ops->close(a.input);
	if (a.desktop.ops)
		desktop_close(&a.desktop);
	if (a.cred)
		gnutls_certificate_free_credentials(a.cred);
	return status;
}
