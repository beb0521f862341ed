/* caprock build SITE -o DIR: the boot bundle, the plan alone, and a file for each agent. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/abi.h"
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

/* What the streaming agent inside the workstation is started with (its --config). */
static int write_agent(const struct profile *p, const char *path)
{
	FILE *f = fopen(path, "w");
	int bad = !f;

	if (f) {
		fprintf(f,
			"name=%s\nport=%u\nsecurity=%s\neffort=%u\nmax_viewers=%u\nidle_min=%u\n",
			p->name, p->stream.port, stream_security[p->stream.security],
			p->stream.effort, p->stream.viewers, p->stream.idle_minutes);
		bad = ferror(f);
		bad |= fclose(f) != 0;
	}
	return bad ? cannot(path) : EXIT_YES;
}

static int build(struct study *s, const char *dir)
{
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
	for (u32 w = 0; w < s->site->nworkstations && !status; w++) {
		const struct profile *p = &s->site->workstations[w];

		if (GIVEN(p, stream))
			status =
			    write_agent(p, chunks_print(&s->mem, "%s/%s.agent.conf", dir, p->name));
	}
	return status;
}

int verb_build(int argc, char **argv)
{
	const char *site = NULL, *out = NULL;
	const struct option_row rows[] = {
	    {"o", "DIR", OPTION_TEXT, &out, "the folder to write, made when it is not there"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Check a site and write what its machine boots from: caprock.bundle (plan, kernels,\n"
		"initrds, ROMs), plan.blob (the plan alone), NAME.agent.conf for workstations that\n"
		"stream.",
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
	if (!out) {
		fputs("caprock build: name the folder to write with -o\n", stderr);
		return EXIT_USAGE;
	}
	if (study_all(&s, site)) {
		study_print(&s, stderr);
		status = build(&s, out);
	} else {
		study_print(&s, stderr);
		status = study_status(&s);
	}
	study_free(&s);
	return status;
}
