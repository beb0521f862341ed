/* caprock run [OPTION...] SITE: the site below the hypervisor in QEMU. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/host/beside.h"
#include "profiles/host/media/media.h"
#include "profiles/host/options.h"
#include "profiles/host/qemu/session.h"
#include "profiles/host/verb.h"

#define EXIT_TIME   4
#define EXIT_FAILED 5

struct run_args {
	const char *site, *logs, *display, *until, *qemu, *hypervisor, *from;
	unsigned timeout;
	bool quiet;
	struct standin_options standin;
};

static void say_substitutions(const struct study *s, const struct standin *t)
{
	printf("QEMU emulates %u cores of %u thread%s and %llu MiB of memory.\n", t->cores,
	       t->threads, t->threads == 1 ? "" : "s", (unsigned long long)t->memory >> 20);
	if (!t->nnotes)
		return;
	puts("Substitutions:");
	for (u32 i = 0; i < t->nnotes; i++)
		printf("  %s\n", t->notes[i]);
	if (s->facts)
		puts("What happens here proves nothing about the machine itself.");
	fflush(stdout);
}

static int say_end(const struct run_args *a, int end)
{
	static const struct {
		const char *text;
		int status;
	} ends[] = {
	    [SESSION_OFF] = {"every workstation powered itself off", EXIT_YES},
	    [SESSION_UNTIL] = {"every console showed what was waited for", EXIT_YES},
	    [SESSION_TIME] = {"the time is over", EXIT_TIME},
	    [SESSION_STOPPED] = {"stopped", EXIT_YES},
	    [SESSION_REFUSED] = {"the hypervisor refused it, or a part of it", EXIT_NO},
	    [SESSION_FAILED] = {"it failed", EXIT_FAILED},
	};

	if (end < 0)
		return EXIT_USAGE;
	printf("%s: %s; consoles are in %s\n", a->site, ends[end].text, a->logs);
	return ends[end].status;
}

/* The medium to start from, made beside the logs. False: said on stderr. */
static bool make_medium(struct study *s, const struct run_args *a, struct session_options *o)
{
	struct media m = {.elf = o->hypervisor, .bundle = o->bundle};
	struct media_error why = {.text = ""};
	bool usb = a->from && !strcmp(a->from, "usb");
	const char *out = chunks_print(&s->mem, "%s/caprock.%s", a->logs, usb ? "img" : "iso");
	int err;

	if (!a->from)
		return true;
	m.efi = beside_tool(&s->mem, "run", "BOOTX64.EFI");
	if (!m.efi)
		return false;
	err = usb ? media_make_usb(&m, out, 0, &why) : media_make_iso(&m, out, &why);
	if (err) {
		fprintf(stderr, "caprock run: %s: %s\n", out, why.text);
		return false;
	}
	*(usb ? &o->usb : &o->iso) = out;
	return true;
}

static int run(struct study *s, const struct run_args *a)
{
	struct session_options o = {
	    .qemu = a->qemu,
	    .hypervisor =
		a->hypervisor ? a->hypervisor : beside_tool(&s->mem, "run", "caprock.elf"),
	    .logs = a->logs,
	    .display = a->display,
	    .until = a->until,
	    .timeout = a->timeout,
	    .quiet = a->quiet,
	};
	struct standin t;
	int status;

	if (!o.hypervisor)
		return EXIT_USAGE;
	standin_make(s, &a->standin, &t);
	if (!study_good(s)) {
		study_print(s, stderr);
		standin_free(&t);
		return EXIT_NO;
	}
	say_substitutions(s, &t);
	o.bundle = chunks_print(&s->mem, "%s/caprock.bundle", a->logs);
	if ((mkdir(a->logs, 0777) && errno != EEXIST) || !study_seal(s) ||
	    study_write_bundle(s, o.bundle)) {
		fprintf(stderr, "caprock run: %s: %s\n", o.bundle, strerror(errno));
		status = EXIT_USAGE;
	} else if (!make_medium(s, a, &o)) {
		status = EXIT_USAGE;
	} else {
		status = say_end(a, session_run(s, &t, &o));
	}
	standin_free(&t);
	return status;
}

int verb_run(int argc, char **argv)
{
	struct run_args a = {.logs = "caprock-run", .qemu = "qemu-system-x86_64"};
	const struct option_row rows[] = {
	    {"logs", "DIR", OPTION_TEXT, &a.logs,
	     "where consoles go, one file each, and the bundle (caprock-run)"},
	    {"timeout", "SECONDS", OPTION_NUMBER, &a.timeout, "end it after that time"},
	    {"until", "TEXT", OPTION_TEXT, &a.until,
	     "end it well when every console has shown this text"},
	    {"display", "HOW", OPTION_TEXT, &a.display, "as QEMU's -display (none)"},
	    {"memory", "SIZE", OPTION_SIZE, &a.standin.memory_cap,
	     "let no workstation have more, as 256M"},
	    {"from", "MEDIUM", OPTION_TEXT, &a.from,
	     "start from an iso (SeaBIOS) or usb image (OVMF) as caprock build makes them, not\n"
	     "                       by QEMU's own loader"},
	    {"no-devices", NULL, OPTION_FLAG, &a.standin.no_devices, "leave all devices out"},
	    {"quiet", NULL, OPTION_FLAG, &a.quiet, "consoles to files only"},
	    {"qemu", "PROGRAM", OPTION_TEXT, &a.qemu, "the emulator (qemu-system-x86_64)"},
	    {"hypervisor", "FILE", OPTION_TEXT, &a.hypervisor,
	     "caprock.elf (the one beside this tool)"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Boot the site below the hypervisor in QEMU. A machine file's processors, memory and\n"
		"devices are replaced by what QEMU has, and every substitution is listed: it never\n"
		"shows that the machine itself would do the same.",
	    .operand = "SITE",
	    .operand_at = &a.site,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status =
		"0 every workstation powered itself off (or showed --until's text), 2 usage,\n"
		"3 refused, 4 the time was over, 5 a workstation failed or the hypervisor crashed",
	};
	struct study s;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	if (a.from && strcmp(a.from, "usb") && strcmp(a.from, "iso")) {
		fprintf(stderr, "caprock run: there is no '--from %s'; choose iso or usb\n",
			a.from);
		return EXIT_USAGE;
	}
	if (study_all(&s, a.site)) {
		status = run(&s, &a);
	} else {
		study_print(&s, stderr);
		status = study_status(&s);
	}
	study_free(&s);
	return status;
}
