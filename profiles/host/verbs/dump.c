/* caprock dump FILE: a blob, or the plan in a boot bundle, in words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/abi.h"
#include "core/base/cpio.h"
#include "core/base/err.h"
#include "core/partition/blob.h"
#include "profiles/host/json.h"
#include "profiles/host/options.h"
#include "profiles/host/plan_print.h"
#include "profiles/host/verb.h"

#define FILE_MAX_ (16ull << 30)

struct input {
	u8 *bytes;
	u64 size;
};

static bool read_whole(const char *path, struct input *in)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	bool good;

	if (!f)
		return false;
	good = !fstat(fileno(f), &st);
	if (good && (!S_ISREG(st.st_mode) || (u64)st.st_size > FILE_MAX_)) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		good = false;
	}
	if (good) {
		in->size = (u64)st.st_size;
		in->bytes = malloc(in->size + 1);
		good = in->bytes && fread(in->bytes, 1, in->size, f) == in->size;
	}
	fclose(f);
	return good;
}

/* The blob itself, or the member `plan` of a bundle. */
static int find_plan(const struct input *in, u64 *off, u64 *size, const char **why)
{
	const struct cpio c = {.ctx = in->bytes, .read = cpio_read_mapped, .size = in->size};
	struct cpio_member m;
	u64 magic = 0;
	int err;

	memcpy(&magic, in->bytes, in->size < 8 ? in->size : 8);
	*off = 0;
	*size = in->size;
	if (magic == BLOB_MAGIC || in->size < 6 || memcmp(in->bytes, "07070", 5))
		return OK;
	err = cpio_find(&c, BUNDLE_PLAN_NAME, &m);
	*why = err == ERR_NOENT ? "the bundle has no member 'plan'" : err_text(err);
	if (err)
		return err;
	*off = m.offset;
	*size = m.size;
	return OK;
}

static int dump(const char *path, bool json)
{
	struct input in = {0};
	struct blob_error error = {.text = ""};
	const char *why = "";
	u64 off, size, room;
	void *arena = NULL;
	struct plan plan;
	int status = EXIT_NO, err;

	if (!read_whole(path, &in)) {
		fprintf(stderr, "caprock dump: %s: %s\n", path, strerror(errno));
		free(in.bytes);
		return EXIT_USAGE;
	}
	err = find_plan(&in, &off, &size, &why);
	if (err) {
		fprintf(stderr, "caprock dump: %s: %s. Build it again with caprock build.\n", path,
			why);
		goto done;
	}
	room = blob_arena_size(in.bytes + off, size);
	arena = malloc(room + 8);
	if (!arena)
		goto done;
	err = blob_decode(in.bytes + off, size, arena, room, &plan, &error);
	if (err) {
		fprintf(stderr,
			"caprock dump: %s: %s (byte %llu). Build it again with caprock build.\n",
			path, error.text, (unsigned long long)(off + error.offset));
		goto done;
	}
	if (json)
		plan_print_json(&plan, stdout);
	else
		plan_print(&plan, stdout);
	status = EXIT_YES;
done:
	free(arena);
	free(in.bytes);
	return status;
}

int verb_dump(int argc, char **argv)
{
	bool json = false;
	const char *path = NULL;
	const struct option_row rows[] = {
	    {"json", NULL, OPTION_FLAG, &json, "for programs"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Show the plan in a blob or a boot bundle: who owns which processor, range of\n"
		"memory and device.",
	    .operand = "FILE",
	    .operand_at = &path,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 shown, 2 usage, 3 it is no plan of this version",
	};
	int status = options_read(&usage, argc, argv);

	return status == OPTIONS_GO ? dump(path, json) : status;
}
