/* The medium this program was started from: slots and bundles, by the firmware's file system. */
#include "core/abi.h"
#include "core/base/cpio.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/slots.h"
#include "core/metal/efi/efi.h"

#define READ_AT_ONCE MIB(4)
#define NOTE_MAX     sizeof(((struct boot_info *)0)->note)

static const struct efi_guid loaded_image = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid file_system = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid file_info = {
    0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

static struct efi_file *root;

static efi_status open_volume(void)
{
	struct efi_loaded_image *image;
	struct efi_file_system *fs;
	efi_status s = efi->boot->handle_protocol(efi_image, &loaded_image, &image);

	if (!s)
		s = efi->boot->handle_protocol(image->device, &file_system, &fs);
	if (!s)
		s = fs->open_volume(fs, &root);
	return s;
}

static efi_status open_file(const char *path, u64 mode, struct efi_file **f)
{
	char16 name[64];
	u32 n = 0;

	for (; path[n] && n + 1 < ARRAY_SIZE(name); n++)
		name[n] = (char16)(path[n] == '/' ? '\\' : path[n]);
	name[n] = 0;
	return root->open(root, f, name, mode, 0);
}

static efi_status file_size(struct efi_file *f, u64 *size)
{
	static struct efi_file_info info;
	u64 n = sizeof(info);
	efi_status s = f->get_info(f, &file_info, &n, &info);

	*size = info.file_size;
	return s;
}

static efi_status read_all(struct efi_file *f, u8 *to, u64 size)
{
	while (size) {
		u64 n = min_u64(size, READ_AT_ONCE);
		efi_status s = f->read(f, &n, to);

		if (s)
			return s;
		if (!n)
			return EFI_LOAD_ERROR; /* shorter than its directory entry says */
		to += n;
		size -= n;
	}
	return EFI_SUCCESS;
}

/* ---- the slots ------------------------------------------------------------------------------- */

static efi_status read_state(struct slots *slots)
{
	char text[SLOTS_SIZE];
	struct efi_file *f;
	u64 n = sizeof(text);
	efi_status s = open_file(MEDIUM_STATE, EFI_FILE_READ, &f);

	if (s)
		return s;
	s = f->read(f, &n, text);
	f->close(f);
	if (!s && slots_parse(text, n, slots))
		s = EFI_LOAD_ERROR;
	return s;
}

static efi_status write_state(const struct slots *slots)
{
	char text[SLOTS_SIZE];
	struct efi_file *f;
	u64 n = sizeof(text);
	efi_status s = open_file(MEDIUM_STATE, EFI_FILE_READ | EFI_FILE_WRITE, &f);

	if (s)
		return s;
	slots_format(slots, text);
	s = f->write(f, &n, text);
	if (!s)
		s = f->flush(f);
	f->close(f);
	return s;
}

static char choose_slot(struct boot_info *b)
{
	static const char *const words[] = {
	    [SLOTS_GOOD] = "the good one",
	    [SLOTS_TRIAL] = "on trial",
	    [SLOTS_CONFIRMED] = "confirmed by its last run",
	    [SLOTS_BACK] = "because the other was tried and not confirmed",
	};
	struct slots slots;
	enum slots_why why;
	efi_status s = read_state(&slots);
	char slot;

	if (s) {
		fmt(b->note, NOTE_MAX, "slot a, for " MEDIUM_STATE " cannot be used: %s",
		    efi_status_text(s));
		return 'a';
	}
	slot = slots_choose(&slots, efi_confirmed(), &why);
	if (why == SLOTS_TRIAL || why == SLOTS_CONFIRMED) {
		s = why == SLOTS_TRIAL && !efi_forget_confirmed() ? EFI_ACCESS_DENIED
								  : write_state(&slots);
		/* A trial that leaves no mark would be repeated for ever. */
		if (s && why == SLOTS_TRIAL) {
			fmt(b->note, NOTE_MAX,
			    "slot %c; the trial of %c is off, for " MEDIUM_STATE
			    " cannot be written: %s",
			    slots.good, slots.trial, efi_status_text(s));
			return slots.good;
		}
	}
	fmt(b->note, NOTE_MAX, "slot %c, %s", slot, words[why]);
	if (why == SLOTS_TRIAL)
		b->trial = (u8)slot;
	return slot;
}

/* ---- the bundles ----------------------------------------------------------------------------- */

static const char *check_bundle(u64 at, u64 size)
{
	const struct cpio c = {.ctx = (void *)at, .read = cpio_read_mapped, .size = size};
	u64 extent;
	int err = cpio_extent(&c, &extent);

	return !err ? NULL : err == ERR_RANGE ? "it ends early" : "it is no boot bundle";
}

/* NULL: it is there, whole. */
static const char *load(char slot, struct boot_info *b)
{
	char path[] = MEDIUM_BUNDLE;
	const char *why = NULL;
	struct efi_file *f;
	efi_status s;
	u64 size, pages, at;

	path[MEDIUM_BUNDLE_SLOT] = slot;
	s = open_file(path, EFI_FILE_READ, &f);
	if (s)
		return efi_status_text(s);
	s = file_size(f, &size);
	if (s) {
		why = efi_status_text(s);
		goto out;
	}
	pages = size / PAGE_SIZE + !!(size % PAGE_SIZE);
	at = efi_pages(pages, BOOT_EARLY_LIMIT);
	if (!at) {
		why = size ? "there is not enough memory for it" : "it is empty";
		goto out;
	}
	efi_print("Caprock: reading %s, %u KiB", path, (unsigned)(size >> 10));
	s = read_all(f, (u8 *)at, size);
	why = s ? efi_status_text(s) : check_bundle(at, size);
	if (why) {
		efi->boot->free_pages(at, pages);
		goto out;
	}
	b->bundle = at;
	b->bundle_size = size;
out:
	f->close(f);
	return why;
}

void efi_load_bundle(struct boot_info *b)
{
	efi_status s = open_volume();
	const char *why, *also;
	char slot;

	if (s) {
		fmt(b->problem, sizeof(b->problem),
		    "the volume that BOOTX64.EFI lies on cannot be read: %s", efi_status_text(s));
		return;
	}
	slot = choose_slot(b);
	why = load(slot, b);
	if (!why)
		return;
	b->trial = 0;
	also = load(slots_other(slot), b);
	if (also)
		fmt(b->problem, sizeof(b->problem),
		    "no boot bundle can be used: " MEDIUM_FOLDER "/%c.bundle: %s; " MEDIUM_FOLDER
		    "/%c.bundle: %s",
		    slot, why, slots_other(slot), also);
	else
		fmt(b->note, NOTE_MAX, "slot %c, because the bundle of slot %c cannot be used: %s",
		    slots_other(slot), slot, why);
}
