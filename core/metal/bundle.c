#include "core/base/cpio.h"
#include "core/base/err.h"
#include "core/metal/bundle.h"
#include "core/port.h"

int bundle_find(const struct bundle *b, const char *who, const char *name, struct load_file *out)
{
	const struct cpio c = {.ctx = port_va(b->base), .read = cpio_read_mapped, .size = b->size};
	struct cpio_member m;

	*out = (struct load_file){0};
	if (!name)
		return OK;
	int err = cpio_find(&c, name, &m);

	if (err)
		port_log(LOG_ERROR,
			 "%s: the boot bundle has no file '%s'. Build the bundle again with it",
			 who, name);
	else
		*out = (struct load_file){.handle = m.offset, .size = m.size};
	return err;
}

const u8 *bundle_bytes(const struct bundle *b, const struct load_file *f, u64 off)
{
	return (const u8 *)port_va(b->base) + f->handle + off;
}
