/* Private to the decoder: what one opcode byte says about the bytes after it and their meaning. */
#pragma once

#include "core/base/types.h"

/* Immediate or displacement bytes that follow opcode and ModRM. */
enum imm_kind {
	IMM_NONE,
	IMM_8,
	IMM_16,
	IMM_Z,	   /* 2 or 4, by operand size */
	IMM_V,	   /* 2, 4 or 8, by operand size */
	IMM_16_8,  /* ENTER */
	IMM_FAR,   /* offset by operand size and a 2-byte selector */
	IMM_MOFFS, /* an address of address size */
	IMM_NEAR,  /* as IMM_Z, but 66h in 64-bit mode differs between processors */
};

#define OPC_IMM	   0x0f
#define OPC_VALID  0x10 /* defined at all */
#define OPC_MODRM  0x20
#define OPC_NO64   0x40 /* undefined in 64-bit mode */
#define OPC_PREFIX 0x80

/* How the operands are found, over and above the forms of insn.h; 0: not emulated. */
enum operands {
	ARGS_NONE,
	ARGS_STORE_8,
	ARGS_STORE, /* operand size */
	ARGS_LOAD_8,
	ARGS_LOAD,
	ARGS_EXTEND_8, /* memory narrower than the register */
	ARGS_EXTEND_16,
	ARGS_EXTEND_32,
	ARGS_MOFFS_LOAD_8,
	ARGS_MOFFS_LOAD,
	ARGS_MOFFS_STORE_8,
	ARGS_MOFFS_STORE,
	ARGS_STRING_8,
	ARGS_STRING,
	ARGS_NONTEMPORAL, /* MOVNTI: 4 or 8 bytes, no prefix */
	ARGS_GROUP,	  /* op is an enum group: ModRM.reg decides */
};

enum group {
	GROUP_1_8,
	GROUP_1,
	GROUP_3_8,
	GROUP_3,
	GROUP_4,
	GROUP_5,
	GROUP_8,
	GROUP_11_8,
	GROUP_11
};

struct opcode {
	u8 shape; /* OPC_ bits and enum imm_kind */
	u8 op;	  /* enum insn_op or enum group */
	u8 args;  /* enum operands */
};

extern const struct opcode insn_one_byte[256];
extern const struct opcode insn_two_byte[256];

/* Opcodes of VEX and EVEX map 1, a bit each: the others are undefined there. */
extern const u32 insn_vex_map1[8];
