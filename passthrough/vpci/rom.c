#include "core/base/mem.h"
#include "passthrough/vpci/device.h"

#define IMAGE_UNIT 512u
#define PCIR_FIELD 0x18u
#define PCIR_SIZE  0x18u

/* Fields of the PCI data structure (PCI Firmware 3.2 §5.1.1.2). */
#define PCIR_VENDOR    0x04
#define PCIR_DEVICE    0x06
#define PCIR_LIST      0x08 /* other devices it serves, 0: none */
#define PCIR_LENGTH    0x10 /* of the image, in 512 bytes */
#define PCIR_INDICATOR 0x15
#define PCIR_LAST      0x80u

static u16 word(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

/* The data structure of the image at rom[off], NULL with *why when there is none inside `size`. */
static const u8 *data_structure(const u8 *rom, u32 off, u32 size, const char **why)
{
	u32 at;

	*why = "it does not begin with 55AAh";
	if (size - off < PCIR_FIELD + 2 || word(rom + off) != 0xaa55)
		return NULL;
	*why = "its PCI data structure lies outside it";
	at = word(rom + off + PCIR_FIELD);
	if (at < PCIR_FIELD + 2 || at > size - off || PCIR_SIZE > size - off - at)
		return NULL;
	*why = "its PCI data structure does not say PCIR";
	return memcmp(rom + off + at, "PCIR", 4) == 0 ? rom + off + at : NULL;
}

static bool serves(const u8 *pcir, u16 vendor, u16 device)
{
	if (!vendor)
		return true;
	return word(pcir + PCIR_VENDOR) == vendor &&
	       (word(pcir + PCIR_DEVICE) == device || word(pcir + PCIR_LIST));
}

u32 rom_check(const u8 *rom, u32 size, u16 vendor, u16 device, const char **why)
{
	u32 off = 0;

	for (;;) {
		const u8 *pcir = data_structure(rom, off, size, why);
		u32 length;

		if (!pcir)
			return 0;
		*why = "it is made for another device";
		if (!off && !serves(pcir, vendor, device))
			return 0;
		*why = "an image in it is longer than the whole";
		length = word(pcir + PCIR_LENGTH) * IMAGE_UNIT;
		if (!length || length > size - off)
			return 0;
		off += length;
		if (pcir[PCIR_INDICATOR] & PCIR_LAST) {
			*why = "";
			return off;
		}
		*why = "its last image is not marked as such";
		if (off == size)
			return 0;
	}
}

static void copy(const struct mmio *m, u8 *out, u32 n)
{
	for (u32 i = 0; i < n; i += 4) {
		u32 v = port_mmio_read32(m, i);

		memcpy(out + i, &v, 4);
	}
}

u32 rom_capture(struct pci_function *f, u8 *out, u32 room, const char **why)
{
	const struct machine_bar *b = &f->bars.bar[PCI_ROM_BAR];
	u32 command = pci_read(f, PCI_COMMAND, 2), size = (u32)min_u64(b->size, room), length;
	struct mmio m;

	*why = "it has none";
	if (!b->size || f->is_vf)
		return 0;
	*why = "the firmware gave it no address";
	if (!b->base)
		return 0;
	*why = "it cannot be reached";
	if (!size || port_mmio_map(PADDR(b->base), size, &m))
		return 0;
	/* it may share its decoder with the BARs (PCI 3.0 §6.2.5.2): off again when it is read */
	pci_write(f, PCI_ROM, 4, (u32)b->base | PCI_ROM_ENABLE);
	pci_write(f, PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY);
	copy(&m, out, size);
	pci_write(f, PCI_COMMAND, 2, command);
	pci_write(f, PCI_ROM, 4, (u32)b->base);
	length = rom_check(out, size, f->id.vendor, f->id.device, why);
	if (!length && size < b->size && word(out) == 0xaa55)
		*why = "its images are larger than there is room for, or broken";
	return length;
}
