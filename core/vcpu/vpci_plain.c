/* A function that is only a register file, and the host bridge made of one. */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/vpci.h"

static struct vpci_plain *plain(struct vpci_function *f)
{
	return (struct vpci_plain *)((char *)f - offsetof(struct vpci_plain, f));
}

static u32 plain_read(struct vpci_function *f, u16 off, u8 width)
{
	if (off >= VPCI_PLAIN_SIZE)
		return 0;

	u32 v = plain(f)->value[off / 4] >> 8 * (off & 3);

	return width == 4 ? v : v & ((1u << 8 * width) - 1);
}

static u32 writable_bits(const struct vpci_plain *p, u16 off)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->registers[i].off == off)
			return p->registers[i].writable;
	return 0;
}

static void plain_write(struct vpci_function *f, u16 off, u8 width, u32 v)
{
	struct vpci_plain *p = plain(f);

	if (off >= VPCI_PLAIN_SIZE)
		return;

	u32 shift = 8 * (off & 3);
	u32 bytes = (width == 4 ? 0xffffffffu : (1u << 8 * width) - 1) << shift;
	u32 change = bytes & writable_bits(p, off & 0xfc);
	u32 *reg = &p->value[off / 4];

	*reg = (*reg & ~change) | (v << shift & change);
}

static void plain_reset(struct vpci_function *f)
{
	struct vpci_plain *p = plain(f);

	memset(p->value, 0, sizeof(p->value));
	for (u32 i = 0; i < p->count; i++)
		p->value[p->registers[i].off / 4] = p->registers[i].reset;
}

static const struct vpci_function_ops plain_ops = {plain_read, plain_write, plain_reset};

void vpci_plain_init(struct vpci_plain *p, const struct vpci_register *registers, u32 count)
{
	memset(p, 0, sizeof(*p));
	p->f.ops = &plain_ops;
	p->registers = registers;
	p->count = count;
	plain_reset(&p->f);
}

/* ---- 00:00.0 ---------------------------------------------------------------------------------- */

#define PCIEXBAR	0x60
#define PCIEXBAR_ENABLE 1u

/* PCIEXBAR's length field (316966 §5.1.22). */
static u32 pciexbar_length(u16 buses)
{
	return buses == 256 ? 0 : buses == 128 ? 1u << 1 : 2u << 1;
}

int vpci_host_bridge_init(struct vpci_host_bridge *h, struct vpci_root *r, gpa_t ecam)
{
	const struct vpci_register registers[VPCI_HOST_BRIDGE_REGISTERS] = {
	    {0x00, 0x29c08086, 0},
	    {0x04, 0x00000006, 0}, /* memory space and bus master, as the chip hardwires them */
	    {0x08, 0x06000002, 0}, /* host bridge, revision 2 */
	    {PCIEXBAR, (u32)ecam.v | pciexbar_length(r->ecam_buses) | PCIEXBAR_ENABLE, 0},
	    {PCIEXBAR + 4, (u32)(ecam.v >> 32), 0},
	    {0x90, 0, 0xffffffff},	    /* PAM0-3 */
	    {0x94, 0, 0x00ffffff},	    /* PAM4-6, legacy access */
	    {0x9c, 0x00000200, 0x0000ffff}, /* SMRAM */
	};

	memcpy(h->registers, registers, sizeof(registers));
	vpci_plain_init(&h->plain, h->registers, VPCI_HOST_BRIDGE_REGISTERS);
	return vpci_add(&r->root_bus, 0, &h->plain.f);
}
