/*
 * x86-64 instructions: how long one is, and what those do that touch memory-mapped registers.
 *
 * insn_decode() gives the length of every instruction the architecture defines (legacy, VEX, EVEX,
 * XOP maps; AMD APM vol. 3 ch. 1 and app. A, SDM vol. 2 ch. 2 and app. A) and, for the forms that
 * compilers and operating systems use on device registers, the operation, its operands and width.
 * insn_emulate() then carries such an instruction out. Nothing is guessed: bytes that are undefined
 * or mean different things on different processors are refused.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

#define INSN_MAX 15 /* bytes; a longer one is #GP (APM vol. 3 §1.1) */

/* Default operand and address size of the code segment: CS.L, CS.D, or real mode. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

/* Register numbers of ModRM order; the index into gpr[]. */
enum insn_gpr { GPR_AX, GPR_CX, GPR_DX, GPR_BX, GPR_SP, GPR_BP, GPR_SI, GPR_DI, GPR_COUNT = 16 };
enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

enum insn_op {
	INSN_OTHER, /* length known, not for insn_emulate() */
	INSN_MOV,
	INSN_MOVZX,
	INSN_MOVSX, /* also MOVSXD */
	INSN_ADD,
	INSN_OR,
	INSN_ADC,
	INSN_SBB,
	INSN_AND,
	INSN_SUB,
	INSN_XOR,
	INSN_CMP,
	INSN_TEST,
	INSN_XCHG,
	INSN_NOT,
	INSN_NEG,
	INSN_INC,
	INSN_DEC,
	INSN_BT,
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
	INSN_MOVS,
	INSN_CMPS,
	INSN_STOS,
	INSN_LODS,
	INSN_SCAS,
};

/* Where the second operand is; the first is memory, but for LOAD forms. */
enum insn_form {
	INSN_FORM_STORE,  /* memory op= register */
	INSN_FORM_LOAD,	  /* register op= memory */
	INSN_FORM_IMM,	  /* memory op= immediate */
	INSN_FORM_UNARY,  /* memory alone */
	INSN_FORM_STRING, /* implied by rSI, rDI, rAX */
};

#define INSN_NO_REG 0xff

struct insn {
	u8 len; /* bytes, 1..INSN_MAX */
	u8 op;	/* enum insn_op; of INSN_OTHER only addr_width, seg and rep below are meant */
	u8 form;
	u8 width;	/* bytes of the memory operand: 1, 2, 4, 8 */
	u8 reg;		/* GPR of the register operand */
	u8 reg_width;	/* its bytes; differs from width for MOVZX and MOVSX */
	u8 reg_high;	/* 1: AH, CH, DH, BH, that is bits 15:8 of reg */
	u8 addr_width;	/* bytes of the effective address: 2, 4, 8 */
	u8 seg;		/* enum insn_seg of the memory operand (of the source, for MOVS, LODS) */
	u8 base, index; /* GPR or INSN_NO_REG */
	u8 scale;	/* shift of index: 0..3 */
	u8 rip_relative;
	u8 lock;
	u8 rep; /* F2h or F3h, which differ for CMPS and SCAS only; 0: neither */
	u8 mode;
	u64 disp; /* sign-extended; the absolute address for the MOV moffs forms */
	u64 imm;  /* sign-extended */
};

/*
 * Decode one instruction at bytes[0..n). Reads nothing beyond.
 * ERR_RANGE: the instruction needs more than n bytes (or more than INSN_MAX). ERR_INVAL: undefined.
 * ERR_UNSUPPORTED: defined, but its length is not the same on all processors (a near branch with an
 * operand size prefix in 64-bit mode) or belongs to an extension not known here.
 */
__must_check int insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *out);

/* What insn_emulate() works on. gpr and rflags are changed; rip is moved past the instruction. */
struct insn_cpu {
	u64 *gpr; /* GPR_COUNT of them */
	u64 rip;
	u64 rflags;
	u64 seg_base[SEG_COUNT]; /* as the hardware uses them: in 64-bit mode 0 but for FS and GS */
};

/*
 * Memory as the instruction sees it: linear addresses, accesses of 1, 2, 4 or 8 bytes, which the
 * callee splits or refuses where they cross pages. Any negative value stops the instruction.
 */
struct insn_bus {
	int (*read)(void *ctx, u64 linear, u8 width, u64 *value);
	int (*write)(void *ctx, u64 linear, u8 width, u64 value);
	void *ctx;
};

/* Most elements one call moves of a repeated string instruction, so that interrupts get their turn. */
#define INSN_REP_BATCH 128

/* The linear address of the memory operand (for MOVS and CMPS the one at rDI). */
u64 insn_linear(const struct insn *i, const struct insn_cpu *cpu);

/* Two memory operands: which of them is device memory, an exit does not tell. */
static inline bool insn_two_operands(const struct insn *i)
{
	return i->op == INSN_MOVS || i->op == INSN_CMPS;
}

/*
 * Carry `i` out. On an error of the bus (passed up) or ERR_UNSUPPORTED (op is INSN_OTHER, or LOCK
 * where there is none) nothing has changed, but for a repeated string instruction: elements already
 * moved stay moved, and if there was at least one the call returns OK with rip still at it.
 * A read-modify-write under LOCK is one read and one write: the bus must not be shared memory.
 * The single-step trap (TF) is the caller's to raise.
 */
__must_check int insn_emulate(const struct insn *i, struct insn_cpu *cpu,
			      const struct insn_bus *bus);
