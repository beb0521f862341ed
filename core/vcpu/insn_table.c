/* The opcode maps: APM vol. 3 app. A tables, SDM vol. 2 app. A. */
#include "core/vcpu/insn.h"
#include "core/vcpu/insn_table.h"

#define PLAIN                   \
	{                       \
		OPC_VALID, 0, 0 \
	}
#define PLAIN_IMM(k)                  \
	{                             \
		OPC_VALID | (k), 0, 0 \
	}
#define OLD(k)                                   \
	{                                        \
		OPC_VALID | OPC_NO64 | (k), 0, 0 \
	}
#define PREFIX                               \
	{                                    \
		OPC_VALID | OPC_PREFIX, 0, 0 \
	}
#define RM                                  \
	{                                   \
		OPC_VALID | OPC_MODRM, 0, 0 \
	}
#define RM_IMM(k)                                 \
	{                                         \
		OPC_VALID | OPC_MODRM | (k), 0, 0 \
	}
#define EMU(o, a)                           \
	{                                   \
		OPC_VALID | OPC_MODRM, o, a \
	}
#define EMU_IMM(o, a, k)                          \
	{                                         \
		OPC_VALID | OPC_MODRM | (k), o, a \
	}
#define EMU_PLAIN(o, a)         \
	{                       \
		OPC_VALID, o, a \
	}
#define EMU_MOFFS(o, a)                     \
	{                                   \
		OPC_VALID | IMM_MOFFS, o, a \
	}

/* Eight arithmetic operations in a row share one layout: rm,r; r,rm; accumulator, immediate. */
/* clang-format off */
#define ALU(n, o)                                                                            \
	[(n) + 0] = EMU(o, ARGS_STORE_8), [(n) + 1] = EMU(o, ARGS_STORE),                    \
	[(n) + 2] = EMU(o, ARGS_LOAD_8),  [(n) + 3] = EMU(o, ARGS_LOAD),                     \
	[(n) + 4] = PLAIN_IMM(IMM_8),     [(n) + 5] = PLAIN_IMM(IMM_Z)

const struct opcode insn_one_byte[256] = {
	ALU(0x00, INSN_ADD), [0x06 ... 0x07] = OLD(IMM_NONE),
	ALU(0x08, INSN_OR),  [0x0e] = OLD(IMM_NONE), /* 0Fh opens the next map */
	ALU(0x10, INSN_ADC), [0x16 ... 0x17] = OLD(IMM_NONE),
	ALU(0x18, INSN_SBB), [0x1e ... 0x1f] = OLD(IMM_NONE),
	ALU(0x20, INSN_AND), [0x26] = PREFIX, [0x27] = OLD(IMM_NONE),
	ALU(0x28, INSN_SUB), [0x2e] = PREFIX, [0x2f] = OLD(IMM_NONE),
	ALU(0x30, INSN_XOR), [0x36] = PREFIX, [0x37] = OLD(IMM_NONE),
	ALU(0x38, INSN_CMP), [0x3e] = PREFIX, [0x3f] = OLD(IMM_NONE),
	[0x40 ... 0x4f] = OLD(IMM_NONE), /* INC, DEC; REX in 64-bit mode, taken before */
	[0x50 ... 0x5f] = PLAIN,
	[0x60 ... 0x61] = OLD(IMM_NONE),
	[0x62] = {OPC_VALID | OPC_NO64 | OPC_MODRM, 0, 0}, /* BOUND; EVEX, taken before */
	[0x63] = EMU(INSN_MOVSX, ARGS_EXTEND_32), /* ARPL outside of 64-bit mode */
	[0x64 ... 0x67] = PREFIX,
	[0x68] = PLAIN_IMM(IMM_Z), [0x69] = RM_IMM(IMM_Z),
	[0x6a] = PLAIN_IMM(IMM_8), [0x6b] = RM_IMM(IMM_8),
	[0x6c ... 0x6f] = PLAIN,
	[0x70 ... 0x7f] = PLAIN_IMM(IMM_8),
	[0x80] = EMU_IMM(GROUP_1_8, ARGS_GROUP, IMM_8),
	[0x81] = EMU_IMM(GROUP_1, ARGS_GROUP, IMM_Z),
	[0x82] = {OPC_VALID | OPC_NO64 | OPC_MODRM | IMM_8, GROUP_1_8, ARGS_GROUP},
	[0x83] = EMU_IMM(GROUP_1, ARGS_GROUP, IMM_8),
	[0x84] = EMU(INSN_TEST, ARGS_STORE_8), [0x85] = EMU(INSN_TEST, ARGS_STORE),
	[0x86] = EMU(INSN_XCHG, ARGS_STORE_8), [0x87] = EMU(INSN_XCHG, ARGS_STORE),
	[0x88] = EMU(INSN_MOV, ARGS_STORE_8), [0x89] = EMU(INSN_MOV, ARGS_STORE),
	[0x8a] = EMU(INSN_MOV, ARGS_LOAD_8), [0x8b] = EMU(INSN_MOV, ARGS_LOAD),
	[0x8c ... 0x8f] = RM, /* 8Fh is also XOP, taken before */
	[0x90 ... 0x99] = PLAIN,
	[0x9a] = OLD(IMM_FAR),
	[0x9b ... 0x9f] = PLAIN,
	[0xa0] = EMU_MOFFS(INSN_MOV, ARGS_MOFFS_LOAD_8), [0xa1] = EMU_MOFFS(INSN_MOV, ARGS_MOFFS_LOAD),
	[0xa2] = EMU_MOFFS(INSN_MOV, ARGS_MOFFS_STORE_8), [0xa3] = EMU_MOFFS(INSN_MOV, ARGS_MOFFS_STORE),
	[0xa4] = EMU_PLAIN(INSN_MOVS, ARGS_STRING_8), [0xa5] = EMU_PLAIN(INSN_MOVS, ARGS_STRING),
	[0xa6] = EMU_PLAIN(INSN_CMPS, ARGS_STRING_8), [0xa7] = EMU_PLAIN(INSN_CMPS, ARGS_STRING),
	[0xa8] = PLAIN_IMM(IMM_8), [0xa9] = PLAIN_IMM(IMM_Z),
	[0xaa] = EMU_PLAIN(INSN_STOS, ARGS_STRING_8), [0xab] = EMU_PLAIN(INSN_STOS, ARGS_STRING),
	[0xac] = EMU_PLAIN(INSN_LODS, ARGS_STRING_8), [0xad] = EMU_PLAIN(INSN_LODS, ARGS_STRING),
	[0xae] = EMU_PLAIN(INSN_SCAS, ARGS_STRING_8), [0xaf] = EMU_PLAIN(INSN_SCAS, ARGS_STRING),
	[0xb0 ... 0xb7] = PLAIN_IMM(IMM_8),
	[0xb8 ... 0xbf] = PLAIN_IMM(IMM_V),
	[0xc0 ... 0xc1] = RM_IMM(IMM_8),
	[0xc2] = PLAIN_IMM(IMM_16), [0xc3] = PLAIN,
	[0xc4 ... 0xc5] = {OPC_VALID | OPC_NO64 | OPC_MODRM, 0, 0}, /* LES, LDS; VEX, taken before */
	[0xc6] = EMU_IMM(GROUP_11_8, ARGS_GROUP, IMM_8), [0xc7] = EMU_IMM(GROUP_11, ARGS_GROUP, IMM_Z),
	[0xc8] = PLAIN_IMM(IMM_16_8), [0xc9] = PLAIN,
	[0xca] = PLAIN_IMM(IMM_16), [0xcb ... 0xcc] = PLAIN,
	[0xcd] = PLAIN_IMM(IMM_8), [0xce] = OLD(IMM_NONE), [0xcf] = PLAIN,
	[0xd0 ... 0xd3] = RM,
	[0xd4 ... 0xd5] = OLD(IMM_8),
	[0xd6] = OLD(IMM_NONE), /* SALC */
	[0xd7] = PLAIN,
	[0xd8 ... 0xdf] = RM,
	[0xe0 ... 0xe7] = PLAIN_IMM(IMM_8),
	[0xe8 ... 0xe9] = PLAIN_IMM(IMM_NEAR),
	[0xea] = OLD(IMM_FAR),
	[0xeb] = PLAIN_IMM(IMM_8),
	[0xec ... 0xef] = PLAIN,
	[0xf0] = PREFIX,
	[0xf1] = PLAIN, /* INT1 */
	[0xf2 ... 0xf3] = PREFIX,
	[0xf4 ... 0xf5] = PLAIN,
	[0xf6] = EMU(GROUP_3_8, ARGS_GROUP), [0xf7] = EMU(GROUP_3, ARGS_GROUP),
	[0xf8 ... 0xfd] = PLAIN,
	[0xfe] = EMU(GROUP_4, ARGS_GROUP), [0xff] = EMU(GROUP_5, ARGS_GROUP),
};

/*
 * After 0Fh. 0Fh 38h and 0Fh 3Ah open maps whose every opcode has a ModRM byte, the second an 8-bit
 * immediate too. UD0 (0Fh FFh) is absent: with ModRM on Intel, without on AMD.
 */
const struct opcode insn_two_byte[256] = {
	[0x00 ... 0x03] = RM,
	[0x05 ... 0x09] = PLAIN,
	[0x0b] = PLAIN, /* UD2 */
	[0x0d] = RM, [0x0e] = PLAIN,
	[0x0f] = RM_IMM(IMM_8), /* 3DNow!: the immediate is the opcode */
	[0x10 ... 0x23] = RM,
	[0x28 ... 0x2f] = RM,
	[0x30 ... 0x35] = PLAIN,
	[0x37] = PLAIN, /* GETSEC */
	[0x40 ... 0x6f] = RM,
	[0x70 ... 0x73] = RM_IMM(IMM_8),
	[0x74 ... 0x76] = RM,
	[0x77] = PLAIN, /* EMMS */
	[0x78 ... 0x79] = RM, /* VMREAD, VMWRITE; EXTRQ and INSERTQ by prefix */
	[0x7c ... 0x7f] = RM,
	[0x80 ... 0x8f] = PLAIN_IMM(IMM_NEAR),
	[0x90 ... 0x9f] = RM,
	[0xa0 ... 0xa2] = PLAIN,
	[0xa3] = EMU(INSN_BT, ARGS_STORE),
	[0xa4] = RM_IMM(IMM_8), [0xa5] = RM,
	[0xa8 ... 0xaa] = PLAIN,
	[0xab] = EMU(INSN_BTS, ARGS_STORE),
	[0xac] = RM_IMM(IMM_8), [0xad ... 0xb2] = RM,
	[0xb3] = EMU(INSN_BTR, ARGS_STORE),
	[0xb4 ... 0xb5] = RM,
	[0xb6] = EMU(INSN_MOVZX, ARGS_EXTEND_8), [0xb7] = EMU(INSN_MOVZX, ARGS_EXTEND_16),
	[0xb8 ... 0xb9] = RM, /* POPCNT with F3h, else undefined; UD1 */
	[0xba] = EMU_IMM(GROUP_8, ARGS_GROUP, IMM_8),
	[0xbb] = EMU(INSN_BTC, ARGS_STORE),
	[0xbc ... 0xbd] = RM,
	[0xbe] = EMU(INSN_MOVSX, ARGS_EXTEND_8), [0xbf] = EMU(INSN_MOVSX, ARGS_EXTEND_16),
	[0xc0 ... 0xc1] = RM,
	[0xc2] = RM_IMM(IMM_8),
	[0xc3] = EMU(INSN_MOV, ARGS_NONTEMPORAL),
	[0xc4 ... 0xc6] = RM_IMM(IMM_8),
	[0xc7] = RM,
	[0xc8 ... 0xcf] = PLAIN,
	[0xd0 ... 0xfe] = RM,
};
/* clang-format on */

#define BITS(lo, hi) ((0xffffffffu >> (31 - ((hi)&31))) & ~((1u << ((lo)&31)) - 1))

const u32 insn_vex_map1[8] = {
    [0] = BITS(0x10, 0x17),
    [1] = BITS(0x28, 0x2f),
    [2] = BITS(0x41, 0x42) | BITS(0x44, 0x47) | BITS(0x4a, 0x4b) | BITS(0x50, 0x5f),
    [3] = BITS(0x60, 0x7f),
    [4] = BITS(0x90, 0x93) | BITS(0x98, 0x99),
    [5] = BITS(0xae, 0xae),
    [6] = BITS(0xc2, 0xc2) | BITS(0xc4, 0xc6) | BITS(0xd0, 0xdf),
    [7] = BITS(0xe0, 0xfe),
};
