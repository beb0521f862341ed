/* caprock build SITE -o DIR: boot media, the boot bundle, and the plan alone; --update: into a stick. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/abi.h"
#include "core/base/slots.h"
#include "profiles/host/beside.h"
#include "profiles/host/media/run.h"
#include "profiles/host/options.h"
#include "profiles/host/study/study.h"
#include "profiles/host/verb.h"

static const char *out_path(struct study *s, const char *dir, const char *name)
{
	return chunks_print(&s->mem, "%s/%s", dir, name);
}

static int cannot(const char *path)
{
	fprintf(stderr, "caprock build: %s: %s\n", path, strerror(errno));
	return EXIT_USAGE;
}

static int write_blob(const struct study *s, const char *path)
{
	FILE *f = fopen(path, "wb");
	int bad = !f;

	for (u32 i = 0; f && i < s->bundle.n; i++) {
		const struct bundle_member *m = &s->bundle.members[i];

		if (!strcmp(m->name, BUNDLE_PLAN_NAME) && fwrite(m->data, 1, m->size, f) != m->size)
			bad = 1;
	}
	if (f && fclose(f))
		bad = 1;
	return bad ? cannot(path) : EXIT_YES;
}

/* ---- media ----------------------------------------------------------------------------------- */

static int make_usb(const struct media *m, const char *out, struct media_error *why)
{
	return media_make_usb(m, out, 0, why);
}

static const struct medium {
	const char *name, *file, *words;
	int (*make)(const struct media *m, const char *out, struct media_error *why);
} media[] = {
    {"usb", "caprock-usb.img", "USB image with two slots, for UEFI", make_usb},
    {"iso", "caprock.iso", "hybrid ISO, for BIOS and UEFI", media_make_iso},
    {"pxe", "pxe", "root of a TFTP server, for BIOS and UEFI", media_make_pxe},
};

static bool is_medium(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(media); i++)
		if (!strcmp(media[i].name, name))
			return true;
	return !strcmp(name, "bundle");
}

/* `only`: one of them, or NULL for all. */
static int make_media(struct study *s, const char *dir, const char *bundle, const char *only)
{
	struct media m = {.bundle = bundle};
	struct media_error why;

	m.elf = beside_tool(&s->mem, "build", "caprock.elf");
	m.efi = beside_tool(&s->mem, "build", "BOOTX64.EFI");
	if (!m.elf || !m.efi)
		return EXIT_USAGE;
	for (u32 i = 0; i < ARRAY_SIZE(media); i++) {
		const char *out = out_path(s, dir, media[i].file);

		if (only && strcmp(only, media[i].name))
			continue;
		/* A folder of the time before is ours to replace; any other is refused. */
		if (media[i].make == media_make_pxe &&
		    !access(chunks_print(&s->mem, "%s/" MEDIA_PXE_BIOS, out), F_OK))
			media_scratch_remove(out);
		if (media[i].make(&m, out, &why)) {
			fprintf(stderr, "caprock build: %s: %s\n", out, why.text);
			return EXIT_USAGE;
		}
		printf("%s: %s\n", out, media[i].words);
	}
	return EXIT_YES;
}

/* What a build makes, as asked for. */
struct order {
	const char *dir;    /* to write to */
	const char *only;   /* one medium, or "bundle"; NULL: all */
	const char *update; /* a stick or its image, to bring up to date in place of new media */
	bool hypervisor;    /* the stick's, too */
};

static int update_stick(struct study *s, const struct order *o, const char *bundle)
{
	struct media m = {.bundle = bundle};
	struct media_error why;
	char slot;

	if (o->hypervisor) {
		m.efi = beside_tool(&s->mem, "build", "BOOTX64.EFI");
		if (!m.efi)
			return EXIT_USAGE;
	}
	if (media_update_usb(&m, o->update, &slot, &why)) {
		fprintf(stderr, "caprock build: %s: %s\n", o->update, why.text);
		return EXIT_USAGE;
	}
	printf("%s: slot %c has it and is tried at the next start; slot %c is good until then\n",
	       o->update, slot, slots_other(slot));
	return EXIT_YES;
}

static int build(struct study *s, const struct order *o)
{
	const char *dir = o->dir, *only = o->only;
	const char *bundle = out_path(s, dir, "caprock.bundle");
	int status = EXIT_YES;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return cannot(dir);
	if (!study_seal(s)) {
		errno = EEXIST;
		return cannot("a kernel or initrd that is called 'plan'");
	}
	if (study_write_bundle(s, bundle))
		return cannot(bundle);
	printf("%s: the boot bundle, %llu KiB\n", bundle,
	       (unsigned long long)bundle_size(&s->bundle) >> 10);
	status = write_blob(s, out_path(s, dir, "plan.blob"));
	if (!status && o->update)
		return update_stick(s, o, bundle);
	if (!status && (!only || strcmp(only, "bundle")))
		status = make_media(s, dir, bundle, only);
	return status;
}

int verb_build(int argc, char **argv)
{
	const char *site = NULL;
	struct order o = {0};
	const struct option_row rows[] = {
	    {"o", "DIR", OPTION_TEXT, &o.dir, "the folder to write, made when it is not there"},
	    {"only", "WHAT", OPTION_TEXT, &o.only,
	     "one medium of usb, iso and pxe instead of all, or none: bundle"},
	    {"update", "STICK", OPTION_TEXT, &o.update,
	     "instead into the other slot of that stick or USB image, for a try"},
	    {"hypervisor", NULL, OPTION_FLAG, &o.hypervisor,
	     "with --update: its hypervisor as well, which both slots share"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Check a site and write what its machine boots from: caprock-usb.img, caprock.iso and the\n"
		"folder pxe; caprock.bundle, which all of them hold (plan, kernels, initrds, ROMs);\n"
		"plan.blob (the plan alone).",
	    .operand = "SITE",
	    .operand_at = &site,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 written, 2 usage, 3 refused and nothing written",
	};
	struct study s;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	if (o.only && !is_medium(o.only)) {
		fprintf(stderr,
			"caprock build: there is no '--only %s'; choose usb, iso, pxe or bundle\n",
			o.only);
		return EXIT_USAGE;
	}
	if ((o.update && o.only) || (o.hypervisor && !o.update)) {
		fputs(
		    "caprock build: --update goes without --only, and --hypervisor with --update\n",
		    stderr);
		return EXIT_USAGE;
	}
	if (!o.dir) {
		fputs("caprock build: name the folder to write with -o\n", stderr);
		return EXIT_USAGE;
	}
	if (study_all(&s, site)) {
		study_print(&s, stderr);
		status = build(&s, &o);
	} else {
		study_print(&s, stderr);
		status = study_status(&s);
	}
	study_free(&s);
	return status;
}
