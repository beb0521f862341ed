#include "iommu/tables/table.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"

#define HEADER_LENGTH 36 /* ACPI 6.5 §5.2.6 */

u8 table_u8(const struct table *t, u32 off)
{
	return off < t->length ? t->bytes[off] : 0xff;
}

u16 table_u16(const struct table *t, u32 off)
{
	return (u16)(table_u8(t, off) | table_u8(t, off + 1) << 8);
}

u32 table_u32(const struct table *t, u32 off)
{
	return table_u16(t, off) | (u32)table_u16(t, off + 2) << 16;
}

u64 table_u64(const struct table *t, u32 off)
{
	return table_u32(t, off) | (u64)table_u32(t, off + 4) << 32;
}

bool table_zero(const struct table *t, u32 off, u32 n)
{
	u8 any = 0;

	for (u32 i = 0; i < n; i++)
		any |= table_u8(t, off + i);
	return !any;
}

void table_text(const struct table *t, u32 off, u32 n, char *out, size_t size)
{
	size_t used = 0;

	for (u32 i = 0; i < n && used + 1 < size; i++) {
		u8 c = table_u8(t, off + i);

		if (!c)
			break;
		out[used++] = c >= 0x20 && c < 0x7f ? (char)c : '.';
	}
	while (used && out[used - 1] == ' ')
		used--;
	out[used] = 0;
}

const char *note_level_name(enum note_level level)
{
	static const char *const names[] = {
	    [NOTE_INFO] = "info", [NOTE_ODD] = "odd", [NOTE_ERROR] = "error"};

	return names[level];
}

void table_note(struct table *t, enum note_level level, const char *name, u32 off,
		const char *format, ...)
{
	struct table_note note = {.level = level, .name = name, .offset = off};
	va_list ap;

	t->notes[level]++;
	if (!t->sink)
		return;
	va_start(ap, format);
	vfmt(note.text, sizeof(note.text), format, ap);
	va_end(ap);
	t->sink(t->ctx, &note);
}

void *table_take(struct table *t, u32 n, size_t size)
{
	size_t bytes = (n * size + 7) & ~(size_t)7;
	u8 *at = t->memory;

	if (bytes > t->left) {
		t->fault = true;
		return NULL;
	}
	t->memory += bytes;
	t->left -= bytes;
	memset(at, 0, bytes);
	return at;
}

int table_open(struct table *t, const void *bytes, size_t len, const char *signature, u32 minimum,
	       struct table_header *out)
{
	u32 said, there;
	u8 sum = 0;

	t->bytes = bytes;
	t->length = (u32)min_u64(len, 0xffffffffu);
	if (t->length >= 4 && memcmp(bytes, signature, 4))
		return ERR_CORRUPT;
	said = t->length < 8 ? t->length : table_u32(t, 4);
	there = (u32)min_u64(said, t->length);
	if (there < minimum) {
		table_note(
		    t, NOTE_ERROR, "too-short", 4,
		    "%s has %u bytes, less than the %u its header alone takes; it is not read",
		    signature, there, minimum);
		return ERR_RANGE;
	}
	if (there > TABLE_MAX) {
		table_note(
		    t, NOTE_ERROR, "too-long", 4,
		    "%s says it is %u bytes long, more than any machine has use for; it is not read",
		    signature, said);
		return ERR_RANGE;
	}
	if (said > t->length)
		table_note(
		    t, NOTE_ERROR, "length-beyond-end", 4,
		    "%s says it is %u bytes long but only %u are there: what was cut off is not "
		    "known; read the table again",
		    signature, said, t->length);
	else if (said < t->length)
		table_note(t, NOTE_INFO, "bytes-after-end", 4,
			   "%u bytes follow the %u the %s says it has; they are not part of it",
			   t->length - said, said, signature);
	t->length = there;

	table_text(t, 0, 4, out->signature, sizeof(out->signature));
	table_text(t, 10, 6, out->oem_id, sizeof(out->oem_id));
	table_text(t, 16, 8, out->oem_table_id, sizeof(out->oem_table_id));
	out->revision = table_u8(t, 8);
	for (u32 i = 0; i < t->length; i++)
		sum = (u8)(sum + t->bytes[i]);
	out->checksum_ok = !sum;
	if (sum && said <= t->length)
		table_note(
		    t, NOTE_ODD, "checksum", 9,
		    "the bytes of the %s add up to %02xh instead of 0: the firmware changed it after "
		    "signing, or the copy is damaged; it is read all the same",
		    signature, sum);
	return OK;
}
