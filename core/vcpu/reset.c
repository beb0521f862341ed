#include "core/vcpu/reset.h"

/* Access rights of the reset segments: present, accessed, real-mode read/write or execute/read. */
#define DATA_RW 0x93
#define CODE_RX 0x9b
#define LDT	0x82
#define TSS	0x8b

#define CR0_ET	  (1ull << 4)
#define CR0_NW_CD (3ull << 29)
#define PAT_RESET 0x0007040600070406ull

static struct reset_segment real(u16 selector, u64 base, u16 attrib)
{
	return (struct reset_segment){
	    .selector = selector, .attrib = attrib, .limit = 0xffff, .base = base};
}

void reset_power_on(struct reset_state *s, u32 signature)
{
	*s = (struct reset_state){
	    .rip = 0xfff0,
	    .rflags = 2,
	    .cr0 = CR0_NW_CD | CR0_ET,
	    .xcr0 = 1,
	    .dr6 = 0xffff0ff0,
	    .dr7 = 0x400,
	    .pat = PAT_RESET,
	};
	s->gpr[GPR_DX] = signature;
	for (u32 i = 0; i < SEG_COUNT; i++)
		s->seg[i] = real(0, 0, DATA_RW);
	s->seg[SEG_CS] = real(0xf000, 0xffff0000, CODE_RX);
	s->gdtr = real(0, 0, 0);
	s->idtr = real(0, 0, 0);
	s->ldtr = real(0, 0, LDT);
	s->tr = real(0, 0, TSS);
}

void reset_init(struct reset_state *s, u32 signature)
{
	u64 kept_cr0 = s->cr0 & CR0_NW_CD, kept_pat = s->pat, kept_xcr0 = s->xcr0;

	reset_power_on(s, signature);
	s->cr0 = kept_cr0 | CR0_ET;
	s->pat = kept_pat;
	s->xcr0 = kept_xcr0;
}

void reset_sipi(struct reset_state *s, u8 vector)
{
	s->seg[SEG_CS] = real((u16)(vector << 8), (u64)vector << 12, CODE_RX);
	s->rip = 0;
}

const u8 reset_bios_entry[RESET_BIOS_ENTRY] = {
    0xba, 0xf9, 0x0c, /* mov dx, CF9h */
    0xb0, 0x06,	      /* mov al, RST_CPU | SYS_RST */
    0xee,	      /* out dx, al */
    0xf4,	      /* hlt */
    0xeb, 0xfd,	      /* jmp to the halt */
};
