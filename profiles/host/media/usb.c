/* The USB image: a GPT by sfdisk, an EFI system partition by mtools. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/abi.h"
#include "core/base/slots.h"
#include "profiles/host/media/run.h"

#define SECTOR		512u
#define START		MIB(1)	/* of the partition, and what is left free behind it */
#define PARTITION_LEAST MIB(40) /* FAT32 has at least 65525 clusters */

/* mtools' name of the partition in an image. */
static const char *drive(const char *image, char name[MEDIA_PATH_MAX])
{
	if (snprintf(name, MEDIA_PATH_MAX, "%s@@%llu", image, (unsigned long long)START) >=
	    MEDIA_PATH_MAX)
		name[0] = '\0';
	return name;
}

static int copy(const char *d, const char *from, const char *to, struct media_error *why)
{
	char target[64];

	snprintf(target, sizeof(target), "::%s", to);
	return media_run((const char *[]){"mcopy", "-o", "-i", d, from, target, NULL}, NULL, why);
}

static int write_slots(const char *d, const char *scratch, const struct slots *s,
		       struct media_error *why)
{
	char path[MEDIA_PATH_MAX], text[SLOTS_SIZE];

	slots_format(s, text);
	if (media_write_text(media_path(path, scratch, "slots"), text, sizeof(text), why))
		return -1;
	return copy(d, path, MEDIUM_STATE, why);
}

static int make_empty(const char *image, u64 size, struct media_error *why)
{
	int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int err = fd < 0 || ftruncate(fd, (off_t)size);

	if (err)
		media_fail(why, "%s: %s", image, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err ? -1 : 0;
}

static int fill(const struct media *m, const char *image, const char *scratch, u64 size,
		struct media_error *why)
{
	char table[160], sectors[24], name[MEDIA_PATH_MAX], bundle[] = MEDIUM_BUNDLE;
	const char *d = drive(image, name);

	snprintf(table, sizeof(table),
		 "label: gpt\nstart=%llu, size=%llu, type=uefi, name=caprock\n",
		 (unsigned long long)(START / SECTOR),
		 (unsigned long long)((size - 2 * START) / SECTOR));
	snprintf(sectors, sizeof(sectors), "%llu",
		 (unsigned long long)((size - 2 * START) / SECTOR));
	if (make_empty(image, size, why) ||
	    media_run((const char *[]){"sfdisk", "-q", image, NULL}, table, why) ||
	    media_run((const char *[]){"mformat", "-i", d, "-F", "-T", sectors, "-h", "64", "-s",
				       "32", "-v", "CAPROCK", "::", NULL},
		      NULL, why) ||
	    media_run(
		(const char *[]){"mmd", "-i", d, "::/EFI", "::/EFI/BOOT", "::" MEDIUM_FOLDER, NULL},
		NULL, why) ||
	    copy(d, m->efi, "/EFI/BOOT/BOOTX64.EFI", why) || copy(d, m->bundle, bundle, why))
		return -1;
	return write_slots(d, scratch, &(struct slots){.good = 'a'}, why);
}

int media_make_usb(const struct media *m, const char *out, u64 size, struct media_error *why)
{
	char scratch[MEDIA_PATH_MAX], image[MEDIA_PATH_MAX];
	u64 bundle, efi, least;
	int err;

	if (media_file_size(m->bundle, &bundle, why) || media_file_size(m->efi, &efi, why))
		return -1;
	least = align_up(max_u64(bundle + efi + MIB(4), PARTITION_LEAST), MIB(1)) + 2 * START;
	if (!size)
		size = max_u64(least, align_up(3 * bundle + 2 * efi + MIB(8), MIB(1)) + 2 * START);
	size = align_down(size, MIB(1));
	if (size < least)
		return media_fail(
		    why,
		    "an image of %llu MiB does not hold a bundle of %llu MiB. Make it "
		    "at least %llu MiB, twice that for an update later.",
		    (unsigned long long)(size >> 20), (unsigned long long)(bundle >> 20),
		    (unsigned long long)(least >> 20));
	if (media_scratch(out, scratch, why))
		return -1;
	err = fill(m, media_path(image, scratch, "image"), scratch, size, why);
	if (!err && rename(image, out))
		err = media_fail(why, "%s: %s", out, strerror(errno));
	media_scratch_remove(scratch);
	return err;
}

/* ---- update ---------------------------------------------------------------------------------- */

static int read_slots(const char *d, const char *scratch, struct slots *s, struct media_error *why)
{
	char path[MEDIA_PATH_MAX], text[SLOTS_SIZE];
	struct media_error inner;
	size_t n = 0;
	FILE *f;

	/* By a file: mtools has words of its own about some devices. */
	media_path(path, scratch, "found");
	if (media_run((const char *[]){"mcopy", "-i", d, "::" MEDIUM_STATE, path, NULL}, NULL,
		      &inner))
		return media_fail(why, "no Caprock medium, or damaged. Make a new one.\n%.800s",
				  inner.text);
	f = fopen(path, "rb");
	if (f) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	if (slots_parse(text, n, s))
		return media_fail(why,
				  "its file " MEDIUM_STATE " makes no sense. Make a new medium.");
	return 0;
}

/* First no trial, then the bundle, then the trial: whenever power fails, the good slot starts. */
static int put(const struct media *m, const char *d, const char *scratch, struct slots *s,
	       struct media_error *why)
{
	char path[] = MEDIUM_BUNDLE, target[64], slot = slots_other(s->good);

	s->trial = 0;
	s->tried = false;
	path[MEDIUM_BUNDLE_SLOT] = slot;
	snprintf(target, sizeof(target), "::%s", path);
	if (write_slots(d, scratch, s, why))
		return -1;
	/* Its room is needed; it may not be there. */
	if (media_run((const char *[]){"mdel", "-i", d, target, NULL}, NULL, why))
		why->text[0] = '\0';
	if (copy(d, m->bundle, path, why) ||
	    (m->efi && copy(d, m->efi, "/EFI/BOOT/BOOTX64.EFI", why)))
		return -1;
	s->trial = slot;
	return write_slots(d, scratch, s, why);
}

int media_update_usb(const struct media *m, const char *image, char *slot, struct media_error *why)
{
	char name[MEDIA_PATH_MAX], scratch[] = "/tmp/caprock-media.XXXXXX";
	struct slots s;
	u64 size;
	int err;

	if (media_file_size(m->bundle, &size, why) ||
	    (m->efi && media_file_size(m->efi, &size, why)))
		return -1;
	if (!mkdtemp(scratch))
		return media_fail(why, "%s: %s", scratch, strerror(errno));
	err = read_slots(drive(image, name), scratch, &s, why);
	if (!err) {
		err = put(m, name, scratch, &s, why);
		*slot = s.trial;
	}
	media_scratch_remove(scratch);
	return err;
}
