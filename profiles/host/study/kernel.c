#include <stdio.h>
#include <sys/stat.h>

#include "core/base/err.h"
#include "profiles/host/study/kernel.h"

/* handle of a load_file: the FILE it is */
static int read_file(void *ctx, const struct load_file *f, u64 off, void *dst, u64 n)
{
	FILE *file = (FILE *)f->handle;

	return fseeko(file, (off_t)off, SEEK_SET) || fread(dst, 1, n, file) != n ? ERR_IO : OK;
}

static int write_nowhere(void *ctx, gpa_t gpa, const void *src, u64 n)
{
	return OK;
}

static int copy_nowhere(void *ctx, gpa_t gpa, const struct load_file *f, u64 off, u64 n)
{
	return OK;
}

static int zero_nowhere(void *ctx, gpa_t gpa, u64 n)
{
	return OK;
}

static FILE *open_file(const char *path, struct load_file *f)
{
	FILE *file = path ? fopen(path, "rb") : NULL;
	struct stat st;

	*f = (struct load_file){0};
	if (file && !fstat(fileno(file), &st) && S_ISREG(st.st_mode))
		*f = (struct load_file){(u64)file, (u64)st.st_size};
	return file;
}

bool kernel_starts(const struct plan_workstation *ws, const char *kernel, const char *initrd,
		   u64 initrd_more, struct load_error *why)
{
	static const struct load_io io = {
	    .read = read_file,
	    .write = write_nowhere,
	    .copy = copy_nowhere,
	    .zero = zero_nowhere,
	};
	struct layout_piece ram[PLAN_RAM_MAX];
	struct load_request r = {
	    .io = &io,
	    .cmdline = ws->cmdline,
	    .kind = ws->boot,
	    .rsdp = GPA(LAYOUT_TABLES),
	    .ram = ram,
	    .ecam_buses = LAYOUT_ECAM_BUSES,
	};
	struct guest_entry entry;
	FILE *k, *i;
	int err;

	for (; r.nram < ws->nram && r.nram < PLAN_RAM_MAX; r.nram++)
		ram[r.nram] = (struct layout_piece){ws->ram[r.nram].gpa, ws->ram[r.nram].size};
	k = open_file(kernel, &r.kernel);
	i = open_file(initrd, &r.initrd);
	r.initrd.size += initrd_more;
	err = load_kernel(&r, &entry, why);
	if (k)
		fclose(k);
	if (i)
		fclose(i);
	return !err;
}
