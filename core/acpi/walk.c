#include "core/acpi/acpi.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define RSDP_V1_SIZE  20
#define RSDP_SIZE     36
#define EBDA_SEGMENT  0x40e
#define BIOS_AREA     0xe0000
#define BIOS_AREA_END 0x100000

u16 acpi_u16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

u32 acpi_u32(const u8 *p)
{
	return acpi_u16(p) | (u32)acpi_u16(p + 2) << 16;
}

u64 acpi_u64(const u8 *p)
{
	return acpi_u32(p) | (u64)acpi_u32(p + 4) << 32;
}

static u8 sum(const u8 *p, u64 n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

static int sum_at(const struct acpi_source *s, u64 pa, u64 n, u8 *out)
{
	u8 chunk[256];

	for (*out = 0; n;) {
		u64 part = min_u64(n, sizeof(chunk));
		int err = s->read(s->ctx, PADDR(pa), chunk, part);

		if (err)
			return err;
		*out = (u8)(*out + sum(chunk, part));
		pa += part;
		n -= part;
	}
	return OK;
}

static bool find_rsdp_in(const struct acpi_source *s, u64 from, u64 to, paddr_t *rsdp)
{
	u8 p[RSDP_V1_SIZE];

	for (u64 at = align_up(from, 16); at + sizeof(p) <= to; at += 16) {
		if (s->read(s->ctx, PADDR(at), p, sizeof(p)))
			continue;
		if (memcmp(p, "RSD PTR ", 8) == 0 && !sum(p, sizeof(p))) {
			*rsdp = PADDR(at);
			return true;
		}
	}
	return false;
}

int acpi_find_rsdp(const struct acpi_source *s, paddr_t *rsdp)
{
	u8 segment[2];

	if (!s->read(s->ctx, PADDR(EBDA_SEGMENT), segment, sizeof(segment))) {
		u64 ebda = (u64)acpi_u16(segment) << 4;

		if (ebda && find_rsdp_in(s, ebda, ebda + KIB(1), rsdp))
			return OK;
	}
	return find_rsdp_in(s, BIOS_AREA, BIOS_AREA_END, rsdp) ? OK : ERR_NOENT;
}

static int open_root(struct acpi *a, u64 pa, const char *signature, const char **why)
{
	struct acpi_header h;
	int err = a->source->read(a->source->ctx, PADDR(pa), &h, sizeof(h));
	u8 s;

	if (err) {
		*why = "the root table (XSDT or RSDT) lies where nothing can be read";
		return err;
	}
	if (memcmp(h.signature, signature, 4) != 0) {
		*why = "the RSDP points to something that is neither an XSDT nor an RSDT";
		return ERR_INVAL;
	}
	if (h.length < sizeof(h) || h.length > ACPI_ROOT_MAX) {
		*why = "the root table's length is impossible";
		return ERR_RANGE;
	}
	err = sum_at(a->source, pa, h.length, &s);
	if (err) {
		*why = "the root table ends where nothing can be read";
		return err;
	}
	if (s) {
		*why = "the root table's checksum is wrong";
		return ERR_CORRUPT;
	}
	a->root = PADDR(pa + sizeof(h));
	a->entries = (u32)(h.length - sizeof(h)) / a->entry_size;
	return OK;
}

int acpi_open(struct acpi *a, const struct acpi_source *s, paddr_t rsdp, const char **why)
{
	u8 p[RSDP_SIZE];
	int err = s->read(s->ctx, rsdp, p, RSDP_V1_SIZE);

	*a = (struct acpi){.source = s};
	*why = "the RSDP lies where nothing can be read";
	if (err)
		return err;
	if (memcmp(p, "RSD PTR ", 8) != 0) {
		*why = "there is no RSDP where the boot loader says";
		return ERR_INVAL;
	}
	if (sum(p, RSDP_V1_SIZE)) {
		*why = "the RSDP's checksum is wrong";
		return ERR_CORRUPT;
	}
	a->revision = p[15];
	if (a->revision >= 2) {
		u8 extended;

		err = s->read(s->ctx, rsdp, p, RSDP_SIZE);
		if (err)
			return err;
		if (acpi_u32(p + 20) < RSDP_SIZE || acpi_u32(p + 20) > PAGE_SIZE) {
			*why = "the RSDP's length is impossible";
			return ERR_RANGE;
		}
		err = sum_at(s, rsdp.v, acpi_u32(p + 20), &extended);
		if (err)
			return err;
		if (extended) {
			*why = "the RSDP's extended checksum is wrong";
			return ERR_CORRUPT;
		}
		if (acpi_u64(p + 24)) {
			a->entry_size = 8;
			return open_root(a, acpi_u64(p + 24), "XSDT", why);
		}
	}
	a->entry_size = 4;
	return open_root(a, acpi_u32(p + 16), "RSDT", why);
}

int acpi_find(const struct acpi *a, const char *signature, u32 nth, paddr_t *pa, u32 *size)
{
	const struct acpi_source *s = a->source;

	for (u32 i = 0; i < a->entries; i++) {
		u8 entry[8] = {0};
		struct acpi_header h;
		u64 at;

		if (s->read(s->ctx, PADDR(a->root.v + (u64)i * a->entry_size), entry,
			    a->entry_size))
			continue;
		at = acpi_u64(entry);
		if (!at || s->read(s->ctx, PADDR(at), &h, sizeof(h)) ||
		    memcmp(h.signature, signature, 4) != 0 || h.length < sizeof(h))
			continue;
		if (nth--)
			continue;
		*pa = PADDR(at);
		*size = h.length;
		return OK;
	}
	return ERR_NOENT;
}

int acpi_load(const struct acpi *a, const char *signature, paddr_t pa, void *buf, u32 size)
{
	int err = a->source->read(a->source->ctx, pa, buf, size);

	return err ? err : acpi_check(buf, size, signature);
}

int acpi_check(const void *table, u64 size, const char *signature)
{
	const u8 *p = table;
	u32 length;

	if (size < sizeof(struct acpi_header))
		return ERR_RANGE;
	length = acpi_u32(p + offsetof(struct acpi_header, length));
	if (memcmp(p, signature, 4) != 0)
		return ERR_INVAL;
	if (length < sizeof(struct acpi_header) || length > size)
		return ERR_RANGE;
	return sum(p, length) ? ERR_CORRUPT : OK;
}

struct acpi_cursor acpi_entries(const void *table, u32 first)
{
	const u8 *p = table;

	return (struct acpi_cursor){
	    .table = p,
	    .at = first,
	    .end = acpi_u32(p + offsetof(struct acpi_header, length)),
	};
}

bool acpi_next(struct acpi_cursor *c, const u8 *least, u32 types, struct acpi_entry *e)
{
	u32 left = c->end > c->at ? c->end - c->at : 0;

	if (c->why)
		return false;
	if (c->at > c->end) {
		c->why = "the table is shorter than its fixed part";
		return false;
	}
	if (!left)
		return false;
	if (left < 2 || c->table[c->at + 1] < 2) {
		c->why = left < 2 ? "a lone byte follows the last structure"
				  : "a structure's length is below 2";
		return false;
	}
	if (c->table[c->at + 1] > left) {
		c->why = "a structure reaches beyond the end of the table";
		return false;
	}
	*e = (struct acpi_entry){
	    .type = c->table[c->at],
	    .length = c->table[c->at + 1],
	    .offset = c->at,
	    .data = c->table + c->at,
	};
	c->at += e->length;
	if (e->type < types && e->length < least[e->type]) {
		c->why = "a structure is shorter than its type demands";
		return false;
	}
	return true;
}
