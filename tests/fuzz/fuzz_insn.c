/*
 * The input is code, at the very end of a heap block. Each decoded instruction that can be carried
 * out is, on a bus that answers from the input and fails now and then.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vcpu/insn.h"

static u64 noise;

static u64 next_noise(void)
{
	noise ^= noise << 13;
	noise ^= noise >> 7;
	noise ^= noise << 17;
	return noise;
}

static int bus_read(void *ctx, u64 linear, u8 width, u64 *value)
{
	if (width != 1 && width != 2 && width != 4 && width != 8)
		abort();
	*value = next_noise();
	return *value % 16 ? OK : ERR_NOENT;
}

static int bus_write(void *ctx, u64 linear, u8 width, u64 value)
{
	if ((width != 1 && width != 2 && width != 4 && width != 8) ||
	    (width < 8 && value >> (8 * width)))
		abort();
	return next_noise() % 16 ? OK : ERR_NOENT;
}

static void run(const struct insn *i, enum insn_mode mode)
{
	static const struct insn_bus bus = {.read = bus_read, .write = bus_write};
	u64 gpr[GPR_COUNT], before[GPR_COUNT];
	struct insn_cpu cpu = {.gpr = gpr, .rip = next_noise(), .rflags = next_noise()};
	u64 rip = cpu.rip, rflags = cpu.rflags;
	int err;

	for (int k = 0; k < GPR_COUNT; k++)
		gpr[k] = next_noise();
	for (int k = 0; k < SEG_COUNT; k++)
		cpu.seg_base[k] = next_noise();
	memcpy(before, gpr, sizeof(gpr));
	err = insn_emulate(i, &cpu, &bus);
	/* A refusal leaves no trace, nobody writes the stack pointer unless it is the operand. */
	if (err && (memcmp(before, gpr, sizeof(gpr)) || cpu.rip != rip || cpu.rflags != rflags))
		abort();
	if (!err && cpu.rip == rip && !i->rep)
		abort();
	if (gpr[GPR_SP] != before[GPR_SP] && i->reg != GPR_SP)
		abort();
	if (mode != INSN_64 && !err && cpu.rip != rip && cpu.rip >> 32)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (int mode = INSN_16; mode <= INSN_64; mode++) {
		size_t at = 0;

		noise = 0x9e3779b97f4a7c15ull;
		while (at < n) {
			size_t left = n - at;
			u8 *exact = malloc(left);
			struct insn i, again;
			int err;

			memcpy(exact, data + at, left);
			err = insn_decode(exact, left, (enum insn_mode)mode, &i);
			if (!err && (i.len == 0 || i.len > INSN_MAX || i.len > left))
				abort();
			/* The length is the instruction's own: fewer bytes are too few, more change nothing. */
			if (!err && (insn_decode(exact, i.len, (enum insn_mode)mode, &again) ||
				     memcmp(&i, &again, sizeof(i))))
				abort();
			if (!err && insn_decode(exact, i.len - 1u, (enum insn_mode)mode, &again) !=
					ERR_RANGE)
				abort();
			free(exact);
			if (!err && i.op != INSN_OTHER)
				run(&i, (enum insn_mode)mode);
			at += err ? 1 : i.len;
		}
	}
	return 0;
}
