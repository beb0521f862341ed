/*
 * Guest memory and bundle files for tests of the loaders: load_io callbacks that abort on any range
 * that is not in the file or not in the guest's RAM, and memory to look at afterwards.
 */
#pragma once

#include "core/vcpu/load.h"

#define GUEST_RAM_PIECES 4

struct guest_ram {
	struct layout_piece piece[GUEST_RAM_PIECES];
	u8 *bytes[GUEST_RAM_PIECES]; /* each calloc'ed, filled with `fill` */
	u32 n;
	u64 fail_after; /* callbacks that succeed before all fail with ERR_IO; 0: never */
	u64 calls;
	u64 copied, zeroed; /* bytes */
};

/* Adjacent or separate pieces, sorted; the memory is filled with A5h, so that zeroing shows. */
void guest_ram_add(struct guest_ram *g, u64 base, u64 size);
void guest_ram_free(struct guest_ram *g);

/* The byte at gpa; [gpa, gpa + n) must lie in one piece. */
u8 *guest_ram_at(struct guest_ram *g, u64 gpa, u64 n);

/* io->ctx is the struct guest_ram; a file's handle is the address of its bytes. */
struct load_io guest_ram_io(struct guest_ram *g);

static inline struct load_file guest_file(const void *bytes, u64 size)
{
	return (struct load_file){(u64)(uintptr_t)bytes, size};
}
