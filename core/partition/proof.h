/* What the files of the proof share. Private to core/partition. */
#pragma once

#include "core/abi.h"
#include "core/partition/prove.h"

struct proof {
	const struct machine *m;
	const struct plan *current, *next;
	refusal_sink sink;
	void *ctx;
	u32 refusals;
};

/* Hand one refusal out; the text by fmt, of the workstation and item as in struct refusal. */
void refuse(struct proof *p, enum rule rule, u32 ws, u32 item, const char *remedy,
	    const char *format, ...) __printf(6, 7);

/* Each checks all rules of its kind. */
void prove_cpus(struct proof *p);
void prove_memory(struct proof *p);
void prove_devices(struct proof *p);
void prove_change(struct proof *p);

/* The BARs of one device of a plan, which prove_devices() has found to be `f`. */
void prove_bars(struct proof *p, u32 ws, u32 item, const struct machine_function *f);

/*
 * SR-IOV: may `f` give what entry `item` asks of it, or, being a virtual function, have an owner?
 */
void prove_virtual(struct proof *p, u32 ws, u32 item, const struct machine_function *f);
/* A card that gives no virtual functions though it is asked, beside `path` on a bus; or NULL. */
const struct machine_function *prove_vf_source(const struct proof *p, const struct pci_path *path);

/* The entry that names a function, among all workstations; NULL, and *ws ~0: nobody has it. */
const struct plan_device *proof_entry(const struct proof *p, const struct machine_function *f,
				      u32 *ws);

/* Do [a, a + a_size) and [b, b + b_size) share a byte? Right also where an end wraps. */
static inline bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

/* Room for a text made in the middle of an expression. */
struct range_text {
	char s[48];
};
const char *range_text(struct range_text *t, u64 base, u64 size);
struct function_text {
	char s[16];
};
const char *function_text(struct function_text *t, const struct machine_function *f);
