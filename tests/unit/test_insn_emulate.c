/*
 * core/vcpu/insn: what an emulated instruction does, against the processor this test runs on. Every
 * form is executed twice on the same random registers, flags and memory: natively, and emulated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/vcpu/insn.h"

#define BUFFER 8192u
#define ROUNDS 300 /* of each form */

#define CF     0x1u
#define AF     0x10u
#define ZF     0x40u
#define STATUS 0x8d5u
#define DF     0x400u

static u64 seed = 0x243f6a8885a308d3ull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- the native side: code that loads a register file, runs one instruction, saves it ---------- */

struct registers {
	u64 gpr[GPR_COUNT]; /* rsp is not used */
	u64 flags;
};

static u8 *code_page;

static u8 *emit(u8 *p, const void *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

/* mov reg, [rdi + 8 * reg] (opcode 8Bh) or the other way (89h) */
static u8 *emit_move(u8 *p, u8 opcode, u8 reg)
{
	const u8 b[] = {(u8)(0x48 | (reg >= 8 ? 4 : 0)),
			opcode,
			(u8)(0x87 | (reg & 7) << 3),
			(u8)(8 * reg),
			0,
			0,
			0};

	return emit(p, b, sizeof(b));
}

static void run_native(struct registers *r, const u8 *insn, size_t n)
{
	u8 *p = code_page;

	p = emit(p, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57\x57", 11); /* push saved, rdi */
	p = emit(p, "\xff\xb7\x80\0\0\0\x9d", 7);			 /* push flags; popf */
	for (u8 reg = 0; reg < GPR_COUNT; reg++)
		if (reg != GPR_SP && reg != GPR_DI)
			p = emit_move(p, 0x8b, reg);
	p = emit_move(p, 0x8b, GPR_DI);
	p = emit(p, insn, n);
	p = emit(p, "\x48\x87\x3c\x24", 4); /* xchg rdi, [rsp] */
	for (u8 reg = 0; reg < GPR_COUNT; reg++)
		if (reg != GPR_SP && reg != GPR_DI)
			p = emit_move(p, 0x89, reg);
	p = emit(p, "\x9c\x8f\x87\x80\0\0\0\xfc", 8); /* pushf; pop flags; cld */
	p = emit(p, "\x58\x48\x89\x47\x38", 5);	      /* pop rax; mov [rdi + 56], rax */
	emit(p, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 11);
	((void (*)(struct registers *))(uintptr_t)code_page)(r);
}

/* ---- the emulated side: a bus that is this process' memory --------------------------------------- */

static u8 buffer[BUFFER] __attribute__((aligned(4096)));

static int bus_read(void *ctx, u64 linear, u8 width, u64 *value)
{
	u64 at = linear - (u64)(uintptr_t)buffer;

	assert_true(at <= BUFFER - width);
	*value = 0;
	memcpy(value, buffer + at, width);
	return OK;
}

static int bus_write(void *ctx, u64 linear, u8 width, u64 value)
{
	u64 at = linear - (u64)(uintptr_t)buffer;

	assert_true(at <= BUFFER - width);
	memcpy(buffer + at, &value, width);
	return OK;
}

static const struct insn_bus bus = {.read = bus_read, .write = bus_write};

/* ---- forms ------------------------------------------------------------------------------------- */

enum kind { RM_REG, RM_IMM8, RM_IMMZ, RM_ONLY, STRING, REP_STRING, BIT_REG };

struct form {
	const char *name;
	u8 opcode[2]; /* 0Fh and the second byte, or one byte and 0 */
	u8 kind;
	u8 reg;	       /* ModRM.reg of a group */
	u8 byte;       /* the operand is 8 bits wide */
	u8 lock;       /* LOCK is legal */
	u32 undefined; /* flags the manual leaves open */
};

static const struct form forms[] = {
#define ALU(name, base, group, lk, undef)                           \
	{name " rm8,r8", {base}, RM_REG, 0, 1, lk, undef},          \
	    {name " rm,r", {base + 1}, RM_REG, 0, 0, lk, undef},    \
	    {name " r8,rm8", {base + 2}, RM_REG, 0, 1, 0, undef},   \
	    {name " r,rm", {base + 3}, RM_REG, 0, 0, 0, undef},     \
	    {name " rm8,i8", {0x80}, RM_IMM8, group, 1, lk, undef}, \
	    {name " rm,iz", {0x81}, RM_IMMZ, group, 0, lk, undef},  \
	{                                                           \
		name " rm,i8", {0x83}, RM_IMM8, group, 0, lk, undef \
	}
    ALU("add", 0x00, 0, 1, 0),
    ALU("or", 0x08, 1, 1, AF),
    ALU("adc", 0x10, 2, 1, 0),
    ALU("sbb", 0x18, 3, 1, 0),
    ALU("and", 0x20, 4, 1, AF),
    ALU("sub", 0x28, 5, 1, 0),
    ALU("xor", 0x30, 6, 1, AF),
    ALU("cmp", 0x38, 7, 0, 0),
    {"test rm8,r8", {0x84}, RM_REG, 0, 1, 0, AF},
    {"test rm,r", {0x85}, RM_REG, 0, 0, 0, AF},
    {"xchg rm8,r8", {0x86}, RM_REG, 0, 1, 1, 0},
    {"xchg rm,r", {0x87}, RM_REG, 0, 0, 1, 0},
    {"mov rm8,r8", {0x88}, RM_REG, 0, 1, 0, 0},
    {"mov rm,r", {0x89}, RM_REG, 0, 0, 0, 0},
    {"mov r8,rm8", {0x8a}, RM_REG, 0, 1, 0, 0},
    {"mov r,rm", {0x8b}, RM_REG, 0, 0, 0, 0},
    {"mov rm8,i8", {0xc6}, RM_IMM8, 0, 1, 0, 0},
    {"mov rm,iz", {0xc7}, RM_IMMZ, 0, 0, 0, 0},
    {"test rm8,i8", {0xf6}, RM_IMM8, 0, 1, 0, AF},
    {"test rm,iz", {0xf7}, RM_IMMZ, 1, 0, 0, AF},
    {"not rm8", {0xf6}, RM_ONLY, 2, 1, 1, 0},
    {"not rm", {0xf7}, RM_ONLY, 2, 0, 1, 0},
    {"neg rm8", {0xf6}, RM_ONLY, 3, 1, 1, 0},
    {"neg rm", {0xf7}, RM_ONLY, 3, 0, 1, 0},
    {"inc rm8", {0xfe}, RM_ONLY, 0, 1, 1, 0},
    {"dec rm8", {0xfe}, RM_ONLY, 1, 1, 1, 0},
    {"inc rm", {0xff}, RM_ONLY, 0, 0, 1, 0},
    {"dec rm", {0xff}, RM_ONLY, 1, 0, 1, 0},
    {"movsxd", {0x63}, RM_REG, 0, 0, 0, 0},
    {"movzx r,rm8", {0x0f, 0xb6}, RM_REG, 0, 0, 0, 0},
    {"movzx r,rm16", {0x0f, 0xb7}, RM_REG, 0, 0, 0, 0},
    {"movsx r,rm8", {0x0f, 0xbe}, RM_REG, 0, 0, 0, 0},
    {"movsx r,rm16", {0x0f, 0xbf}, RM_REG, 0, 0, 0, 0},
    {"movnti", {0x0f, 0xc3}, RM_REG, 0, 0, 0, 0},
    {"bt rm,r", {0x0f, 0xa3}, BIT_REG, 0, 0, 0, STATUS & ~(CF | ZF)},
    {"bts rm,r", {0x0f, 0xab}, BIT_REG, 0, 0, 1, STATUS & ~(CF | ZF)},
    {"btr rm,r", {0x0f, 0xb3}, BIT_REG, 0, 0, 1, STATUS & ~(CF | ZF)},
    {"btc rm,r", {0x0f, 0xbb}, BIT_REG, 0, 0, 1, STATUS & ~(CF | ZF)},
    {"bt rm,i8", {0x0f, 0xba}, RM_IMM8, 4, 0, 0, STATUS & ~(CF | ZF)},
    {"bts rm,i8", {0x0f, 0xba}, RM_IMM8, 5, 0, 1, STATUS & ~(CF | ZF)},
    {"btr rm,i8", {0x0f, 0xba}, RM_IMM8, 6, 0, 1, STATUS & ~(CF | ZF)},
    {"btc rm,i8", {0x0f, 0xba}, RM_IMM8, 7, 0, 1, STATUS & ~(CF | ZF)},
    {"movs8", {0xa4}, STRING, 0, 1, 0, 0},
    {"movs", {0xa5}, STRING, 0, 0, 0, 0},
    {"stos8", {0xaa}, STRING, 0, 1, 0, 0},
    {"stos", {0xab}, STRING, 0, 0, 0, 0},
    {"lods8", {0xac}, STRING, 0, 1, 0, 0},
    {"lods", {0xad}, STRING, 0, 0, 0, 0},
    {"rep movs8", {0xa4}, REP_STRING, 0, 1, 0, 0},
    {"rep movs", {0xa5}, REP_STRING, 0, 0, 0, 0},
    {"rep stos8", {0xaa}, REP_STRING, 0, 1, 0, 0},
    {"rep stos", {0xab}, REP_STRING, 0, 0, 0, 0},
    {"rep lods", {0xad}, REP_STRING, 0, 0, 0, 0},
    {"cmps8", {0xa6}, STRING, 0, 1, 0, 0},
    {"cmps", {0xa7}, STRING, 0, 0, 0, 0},
    {"scas8", {0xae}, STRING, 0, 1, 0, 0},
    {"scas", {0xaf}, STRING, 0, 0, 0, 0},
    {"rep cmps8", {0xa6}, REP_STRING, 0, 1, 0, 0},
    {"rep cmps", {0xa7}, REP_STRING, 0, 0, 0, 0},
    {"rep scas8", {0xae}, REP_STRING, 0, 1, 0, 0},
    {"rep scas", {0xaf}, REP_STRING, 0, 0, 0, 0},
};

/* A register for ModRM.reg that the form can take: no stack pointer, no address of its own. */
static u8 choose_reg(const struct form *f, u8 rex, u8 base)
{
	for (;;) {
		u8 reg = rnd() & 7, full = reg | (rex & 4 ? 8 : 0);

		if (f->byte && !rex)
			return reg; /* 4..7 are AH..BH */
		if (full == GPR_SP || (f->kind == BIT_REG && (full == base || full == GPR_CX)))
			continue;
		return reg;
	}
}

/* One random instance of a form, and registers with which it stays in the buffer. */
static size_t make_case(const struct form *f, u8 *out, struct registers *r)
{
	bool string = f->kind == STRING || f->kind == REP_STRING;
	bool has_66 = (rnd() & 3) == 0 && f->opcode[1] != 0xc3 && f->opcode[0] != 0x63;
	u8 *p = out, rex = rnd() & 3 ? 0x40 | (rnd() & 0xd) : 0, reg = f->reg, base;
	bool sib = rnd() & 1, byte_disp = rnd() & 1;
	u64 middle = (u64)(uintptr_t)buffer + BUFFER / 2;
	s32 disp = byte_disp ? (int8_t)rnd() : (s32)(rnd() % 1024) - 512;
	u8 width, imm;

	if (f->opcode[0] == 0x63)
		rex |= 0x48;
	width = f->byte ? 1 : rex & 8 ? 8 : has_66 ? 2 : 4;
	imm = f->kind == RM_IMM8 ? 1 : f->kind == RM_IMMZ ? (width == 2 ? 2 : 4) : 0;
	base = GPR_BX | (rex & 1 ? 8 : 0);

	for (int i = 0; i < GPR_COUNT; i++)
		r->gpr[i] = rnd() & 1 ? rnd() : (u64)(s64)(int8_t)rnd();
	r->flags = (rnd() & STATUS) | 0x202;
	r->gpr[base] = middle;
	r->gpr[GPR_CX] = rnd() % 100;
	if (string) {
		r->flags |= rnd() & DF;
		r->gpr[GPR_SI] = middle + rnd() % 256;
		r->gpr[GPR_DI] = middle + rnd() % 256;
	}

	if (has_66)
		*p++ = 0x66;
	if (f->lock && rnd() & 1)
		*p++ = 0xf0;
	if (f->kind == REP_STRING)
		*p++ = rnd() & 1 ? 0xf3 : 0xf2;
	if (rex)
		*p++ = rex;
	*p++ = f->opcode[0];
	if (f->opcode[1])
		*p++ = f->opcode[1];
	if (string)
		return (size_t)(p - out);

	if (f->kind == RM_REG || f->kind == BIT_REG)
		reg = choose_reg(f, rex, base);
	if (f->kind == BIT_REG) {
		/* A signed bit offset of operand size, garbage above it. */
		u64 *g = &r->gpr[reg | (rex & 4 ? 8 : 0)];
		u64 bit = rnd() % 4096 - 2048, mask = width == 8 ? ~0ull : (1ull << 8 * width) - 1;

		*g = (*g & ~mask) | (bit & mask);
	}
	*p++ = (u8)((byte_disp ? 0x40 : 0x80) | reg << 3 | (sib ? 4 : GPR_BX));
	if (sib)
		*p++ = (u8)((rnd() & 3) << 6 | GPR_CX << 3 | GPR_BX);
	p = emit(p, &disp, byte_disp ? 1 : 4);
	while (imm--)
		*p++ = (u8)rnd();
	return (size_t)(p - out);
}

static void every_form_does_what_this_processor_does(void **state)
{
	static u8 before[BUFFER], native[BUFFER];
	unsigned long ran = 0;

	code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(code_page != MAP_FAILED);
	for (size_t k = 0; k < ARRAY_SIZE(forms) * ROUNDS; k++) {
		const struct form *f = &forms[k / ROUNDS];
		struct registers r, mine;
		struct insn i;
		u8 bytes[INSN_MAX];
		size_t n = make_case(f, bytes, &r);

		for (size_t b = 0; b < BUFFER; b += 8)
			memcpy(before + b, &(u64){rnd()}, 8);
		/* Every other time long runs of one value, so that REPE has something to compare. */
		if (k & 1)
			memset(before + BUFFER / 2 - rnd() % 64, (int)rnd(), 400);
		if (k & 2 && f->kind == REP_STRING)
			memset(&r.gpr[GPR_AX], before[BUFFER / 2 + 100], 8);
		mine = r;
		memcpy(buffer, before, BUFFER);
		run_native(&r, bytes, n);
		memcpy(native, buffer, BUFFER);
		memcpy(buffer, before, BUFFER);

		struct insn_cpu cpu = {.gpr = mine.gpr, .rip = 0x1000, .rflags = mine.flags};

		assert_int_equal(insn_decode(bytes, n, INSN_64, &i), OK);
		assert_int_equal(i.len, n);
		assert_int_equal(insn_emulate(&i, &cpu, &bus), OK);
		mine.gpr[GPR_SP] = r.gpr[GPR_SP];
		if (memcmp(mine.gpr, r.gpr, sizeof(r.gpr)) || memcmp(native, buffer, BUFFER) ||
		    (cpu.rflags ^ r.flags) & (STATUS | DF) & ~f->undefined ||
		    cpu.rip != 0x1000 + n) {
			print_message("%s:", f->name);
			for (size_t b = 0; b < n; b++)
				print_message(" %02x", bytes[b]);
			print_message(" flags %lx, processor %lx\n", cpu.rflags, r.flags);
			for (int g = 0; g < GPR_COUNT; g++)
				if (mine.gpr[g] != r.gpr[g])
					print_message("r%d %lx, processor %lx\n", g, mine.gpr[g],
						      r.gpr[g]);
			fail();
		}
		ran++;
	}
	print_message("# %lu instructions\n", ran);
}

/* ---- what this processor cannot show from user space ------------------------------------------- */

static u64 gpr[GPR_COUNT];
static u64 last_address, last_value;
static int fail_after = -1; /* accesses until the bus fails */

static int log_read(void *ctx, u64 linear, u8 width, u64 *value)
{
	if (fail_after >= 0 && fail_after-- == 0)
		return ERR_NOENT;
	last_address = linear;
	*value = ~0ull;
	return OK;
}

static int log_write(void *ctx, u64 linear, u8 width, u64 value)
{
	if (fail_after >= 0 && fail_after-- == 0)
		return ERR_NOENT;
	last_address = linear;
	last_value = value;
	return OK;
}

static const struct insn_bus log_bus = {.read = log_read, .write = log_write};

static int emulate(enum insn_mode mode, const char *bytes, size_t n, struct insn_cpu *cpu)
{
	struct insn i;

	cpu->gpr = gpr;
	assert_int_equal(insn_decode((const u8 *)bytes, n, mode, &i), OK);
	return insn_emulate(&i, cpu, &log_bus);
}

static void addresses(void **state)
{
	static const struct {
		enum insn_mode mode;
		const char *bytes;
		size_t n;
		u64 address;
	} v[] = {
#define V(m, s, a) {m, s, sizeof(s) - 1, a}
	    V(INSN_64, "\x8b\x05\x10\0\0\0", 0x1000 + 6 + 0x10),     /* rip-relative */
	    V(INSN_64, "\x67\x8b\x05\x10\0\0\0", 0x1000 + 7 + 0x10), /* the same in 32 bits */
	    V(INSN_64, "\x8b\x04\x25\x44\x33\x22\xf1", 0xfffffffff1223344), /* absolute */
	    V(INSN_64, "\x65\x8b\x04\x25\x10\0\0\0", 0x7000010),	    /* gs: */
	    V(INSN_64, "\x2e\x8b\x03", 0x3000000033),			    /* cs: ignored */
	    V(INSN_64, "\x67\x8b\x03", 0x33),				    /* 32-bit address */
	    V(INSN_64, "\x8b\x04\xcb", 0x3000000033 + 8 * 0x111),	    /* rbx + rcx * 8 */
	    V(INSN_64, "\x8b\x45\xff", 0x5000 - 1), /* rbp: ss base is 0 here */
	    V(INSN_64, "\xa1\x08\x07\x06\x05\x04\x03\x02\x01", 0x0102030405060708),
	    V(INSN_64, "\x67\xa1\xff\xff\xff\xff", 0xffffffff),
	    V(INSN_32, "\x8b\x03", 0x3000000 + 0x33),			 /* ds base */
	    V(INSN_32, "\x8b\x45\x00", 0x2000000 + 0x5000),		 /* ebp: ss */
	    V(INSN_32, "\x3e\x8b\x45\x00", 0x3000000 + 0x5000),		 /* ds: over ss */
	    V(INSN_32, "\x26\x8b\x05\x00\x10\0\0", 0x1000),		 /* es:, absolute */
	    V(INSN_32, "\x67\x8b\x40\x02", 0x3000000 + 0x33 + 0x44 + 2), /* [bx + si + 2] */
	    V(INSN_16, "\x8b\x40\x02", 0x3000000 + 0x33 + 0x44 + 2),
	    V(INSN_16, "\x8b\x06\x34\x12", 0x3000000 + 0x1234),
	    V(INSN_16, "\x8b\x02", 0x2000000 + 0x5044), /* [bp + si]: ss */
	    V(INSN_16, "\x67\x8b\x03", 0x3000000 + 0x33),
#undef V
	};

	for (size_t k = 0; k < ARRAY_SIZE(v); k++) {
		struct insn_cpu cpu = {.rip = 0x1000};

		memset(gpr, 0, sizeof(gpr));
		gpr[GPR_BX] = v[k].mode == INSN_64 ? 0x3000000033 : 0x33;
		gpr[GPR_CX] = 0x111;
		gpr[GPR_BP] = 0x5000;
		gpr[GPR_SI] = 0x44;
		if (v[k].mode != INSN_64) {
			cpu.seg_base[SEG_DS] = 0x3000000;
			cpu.seg_base[SEG_SS] = 0x2000000;
		}
		cpu.seg_base[SEG_GS] = 0x7000000;
		assert_int_equal(emulate(v[k].mode, v[k].bytes, v[k].n, &cpu), OK);
		if (last_address != v[k].address) {
			print_message("vector %zu: %lx\n", k, last_address);
			fail();
		}
	}
}

static void refusals_change_nothing(void **state)
{
	struct insn_cpu cpu = {.rip = 0x1000, .rflags = 0x10202};
	u64 old[GPR_COUNT];

	for (int i = 0; i < GPR_COUNT; i++)
		gpr[i] = rnd();
	memcpy(old, gpr, sizeof(old));
	assert_int_equal(emulate(INSN_64, "\x0f\xa2", 2, &cpu), ERR_UNSUPPORTED); /* cpuid */
	assert_int_equal(emulate(INSN_64, "\x89\xd8", 2, &cpu), ERR_UNSUPPORTED); /* registers */
	assert_int_equal(emulate(INSN_64, "\xf0\x89\x03", 3, &cpu), ERR_UNSUPPORTED); /* lock mov */
	assert_int_equal(emulate(INSN_64, "\xf0\x38\x03", 3, &cpu), ERR_UNSUPPORTED); /* lock cmp */
	assert_int_equal(emulate(INSN_64, "\xf0\x03\x03", 3, &cpu),
			 ERR_UNSUPPORTED); /* lock load */
	assert_int_equal(emulate(INSN_64, "\x66\x0f\xc3\x03", 4, &cpu), ERR_UNSUPPORTED);
	assert_int_equal(emulate(INSN_64, "\xf3\x0f\xc3\x03", 4, &cpu), ERR_UNSUPPORTED);
	assert_int_equal(emulate(INSN_64, "\xff\x23", 2, &cpu), ERR_UNSUPPORTED); /* jmp [rbx] */
	assert_int_equal(emulate(INSN_32, "\x63\x03", 2, &cpu), ERR_UNSUPPORTED); /* arpl */
	for (int at = 0; at < 2; at++) {
		fail_after = at;
		assert_int_equal(emulate(INSN_64, "\x48\xff\x03", 3, &cpu), ERR_NOENT);
		fail_after = at;
		assert_int_equal(emulate(INSN_64, "\x48\xa5", 2, &cpu), ERR_NOENT);
	}
	fail_after = -1;
	assert_memory_equal(old, gpr, sizeof(old));
	assert_int_equal(cpu.rip, 0x1000);
	assert_int_equal(cpu.rflags, 0x10202);
	assert_int_equal(emulate(INSN_64, "\x89\x03", 2, &cpu), OK);
	assert_int_equal(cpu.rflags, 0x202); /* the resume flag is used up */
}

static void a_long_rep_lets_interrupts_in(void **state)
{
	struct insn_cpu cpu = {.rip = 0x1000};

	memset(gpr, 0, sizeof(gpr));
	gpr[GPR_CX] = 2 * INSN_REP_BATCH + 1;
	assert_int_equal(emulate(INSN_64, "\xf3\xab", 2, &cpu), OK);
	assert_int_equal(gpr[GPR_CX], INSN_REP_BATCH + 1);
	assert_int_equal(gpr[GPR_DI], 4 * INSN_REP_BATCH);
	assert_int_equal(cpu.rip, 0x1000);
	assert_int_equal(emulate(INSN_64, "\xf3\xab", 2, &cpu), OK);
	assert_int_equal(emulate(INSN_64, "\xf3\xab", 2, &cpu), OK);
	assert_int_equal(gpr[GPR_CX], 0);
	assert_int_equal(cpu.rip, 0x1002);

	/* A fault in the middle keeps what is done and comes again. */
	gpr[GPR_CX] = 10;
	gpr[GPR_DI] = 0;
	fail_after = 4;
	assert_int_equal(emulate(INSN_64, "\xf3\xaa", 2, &cpu), OK);
	assert_int_equal(gpr[GPR_CX], 6);
	assert_int_equal(gpr[GPR_DI], 4);
	assert_int_equal(cpu.rip, 0x1002);
	fail_after = 0;
	assert_int_equal(emulate(INSN_64, "\xf3\xaa", 2, &cpu), ERR_NOENT);
	assert_int_equal(gpr[GPR_CX], 6);
	fail_after = -1;

	/* 16-bit counters wrap within their 16 bits and leave the rest. */
	gpr[GPR_CX] = 0xabc0002;
	gpr[GPR_DI] = 0xdef0000;
	cpu.rflags = DF;
	assert_int_equal(emulate(INSN_16, "\xf3\xaa", 2, &cpu), OK);
	assert_int_equal(gpr[GPR_CX], 0xabc0000);
	assert_int_equal(gpr[GPR_DI], 0xdeffffe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_does_what_this_processor_does),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(refusals_change_nothing),
	    cmocka_unit_test(a_long_rep_lets_interrupts_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
