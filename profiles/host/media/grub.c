/* What starts by GRUB: the hybrid ISO and the PXE folder. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/host/media/run.h"

#define GRUB_FOLDER "/usr/lib/grub"

static const struct {
	const char *folder, *package;
} platforms[] = {
    {GRUB_FOLDER "/i386-pc", "grub-pc-bin"},
    {GRUB_FOLDER "/x86_64-efi", "grub-efi-amd64-bin"},
};

/* Without its modules grub-mkrescue leaves a platform out and says nothing. */
static int check_platforms(struct media_error *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
		if (access(platforms[i].folder, R_OK))
			return media_fail(why, "%s is missing. Install the Debian package %s.",
					  platforms[i].folder, platforms[i].package);
	return 0;
}

/*
 * The mode is chosen behind multiboot2, which sets its own from the file's header. A file that does not
 * load leaves its own error on the screen, and the hypervisor says what it misses.
 */
static const char config[] = "set timeout=3\n"
			     "insmod all_video\n"
			     "menuentry 'Caprock' {\n"
			     "\techo 'Caprock: reading the boot bundle'\n"
			     "\tmultiboot2 /boot/caprock.elf\n"
			     "\tset gfxpayload=1920x1080x32,1280x1024x32,1024x768x32,auto\n"
			     "\tmodule2 /boot/caprock.bundle\n"
			     "}\n";

static int copy_file(const char *from, const char *folder, const char *name,
		     struct media_error *why)
{
	char to[MEDIA_PATH_MAX];

	return media_run((const char *[]){"cp", "--", from, media_path(to, folder, name), NULL},
			 NULL, why);
}

static int make_folder(const char *folder, const char *name, struct media_error *why)
{
	char path[MEDIA_PATH_MAX];

	if (mkdir(media_path(path, folder, name), 0755) && errno != EEXIST)
		return media_fail(why, "%s: %s", path, strerror(errno));
	return 0;
}

/* boot/ with the hypervisor, the bundle and GRUB's configuration. */
static int fill(const struct media *m, const char *folder, struct media_error *why)
{
	char path[MEDIA_PATH_MAX];

	if (make_folder(folder, "boot", why) || make_folder(folder, "boot/grub", why) ||
	    copy_file(m->elf, folder, "boot/caprock.elf", why) ||
	    copy_file(m->bundle, folder, "boot/caprock.bundle", why))
		return -1;
	return media_write_text(media_path(path, folder, "boot/grub/grub.cfg"), config,
				sizeof(config) - 1, why);
}

static int check_files(const struct media *m, struct media_error *why)
{
	u64 size;

	return media_file_size(m->elf, &size, why) || media_file_size(m->bundle, &size, why) ? -1
											     : 0;
}

int media_make_iso(const struct media *m, const char *out, struct media_error *why)
{
	char scratch[MEDIA_PATH_MAX], tree[MEDIA_PATH_MAX], image[MEDIA_PATH_MAX];
	int err;

	if (check_files(m, why) || check_platforms(why) || media_scratch(out, scratch, why))
		return -1;
	media_path(tree, scratch, "tree");
	media_path(image, scratch, "image");
	err =
	    make_folder(scratch, "tree", why) || fill(m, tree, why) ||
	    /* It runs these two and is short of words when they are missing. */
	    media_run((const char *[]){"xorriso", "-version", NULL}, NULL, why) ||
	    media_run((const char *[]){"mformat", "--version", NULL}, NULL, why) ||
	    media_run((const char *[]){"grub-mkrescue", "--fonts=", "--locales=", "--themes=", "-o",
				       image, tree, "--", "-volid", "CAPROCK", NULL},
		      NULL, why);
	if (!err && rename(image, out))
		err = media_fail(why, "%s: %s", out, strerror(errno));
	media_scratch_remove(scratch);
	return err ? -1 : 0;
}

int media_make_pxe(const struct media *m, const char *out, struct media_error *why)
{
	char scratch[MEDIA_PATH_MAX], net[MEDIA_PATH_MAX];
	int err;

	if (check_files(m, why) || check_platforms(why))
		return -1;
	if (rmdir(out) && errno != ENOENT)
		return media_fail(why, "%s: %s. Remove it, or name another folder.", out,
				  strerror(errno));
	if (media_scratch(out, scratch, why))
		return -1;
	if (chmod(scratch, 0755)) {
		err = media_fail(why, "%s: %s", scratch, strerror(errno));
		goto end;
	}
	snprintf(net, sizeof(net), "--net-directory=%.4000s", scratch);
	err = media_run((const char *[]){"grub-mknetdir", net, "--subdir=boot/grub",
					 "--fonts=", "--locales=", "--themes=", NULL},
			NULL, why) ||
	      fill(m, scratch, why);
	if (!err && rename(scratch, out))
		err = media_fail(why, "%s: %s", out, strerror(errno));
end:
	if (err)
		media_scratch_remove(scratch);
	return err ? -1 : 0;
}
