/* Private to the decoder: an instruction on its way. */
#pragma once

#include "core/vcpu/insn.h"
#include "core/vcpu/insn_table.h"

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct insn_decoder {
	const u8 *p, *end;
	struct insn *out;
	enum insn_mode mode;
	u8 opsize, addr_width;
	u8 rex;
	bool has_rex, has_66, has_67, has_seg;
	u8 rep; /* the last of F2h and F3h */
	u8 modrm;
};

/* Fill in operation, form and operands of a legacy opcode that has been read whole. */
void insn_name_operands(struct insn_decoder *d, const struct opcode *o);
