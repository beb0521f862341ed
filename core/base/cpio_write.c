#include "core/base/cpio.h"
#include "core/base/cpio_write.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"

void cpio_header(char out[CPIO_HEADER], const char *name, u32 inode, u32 mode, u32 size)
{
	char text[CPIO_HEADER + 1];

	fmt(text, sizeof(text), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
	    mode, 0, 0, 1, 0, size, 0, 0, 0, 0, (u32)str_len(name) + 1, 0);
	memcpy(out, text, CPIO_HEADER);
}

u64 cpio_member_size(const char *name, u64 size)
{
	return CPIO_PADDED(CPIO_HEADER + str_len(name) + 1) + CPIO_PADDED(size);
}

static int put(struct cpio_writer *w, const char *name, u32 inode, u32 mode, const void *data,
	       u64 size)
{
	u64 n = str_len(name), whole;

	if (!n || n >= CPIO_NAME_MAX || size >> 32)
		return ERR_INVAL;
	whole = cpio_member_size(name, size);
	if (whole > w->room - w->used)
		return ERR_NOMEM;

	u8 *at = w->out + w->used;

	memset(at, 0, whole);
	cpio_header((char *)at, name, inode, mode, (u32)size);
	memcpy(at + CPIO_HEADER, name, n);
	if (size)
		memcpy(at + CPIO_PADDED(CPIO_HEADER + n + 1), data, size);
	w->used += whole;
	return OK;
}

int cpio_put(struct cpio_writer *w, const char *name, u32 mode, const void *data, u64 size)
{
	int err = put(w, name, w->members + 1, mode, data, size);

	if (!err)
		w->members++;
	return err;
}

int cpio_end(struct cpio_writer *w, u64 align)
{
	u64 end = align_up(w->used + cpio_member_size(CPIO_END, 0), align);
	int err;

	if (end > w->room)
		return ERR_NOMEM;
	err = put(w, CPIO_END, 0, 0, NULL, 0);
	if (err)
		return err;
	memset(w->out + w->used, 0, end - w->used);
	w->used = end;
	return OK;
}
