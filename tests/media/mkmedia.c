/* mkmedia: boot media from a bundle, without a site; what `make image` and the tests use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/media/media.h"

enum { EXIT_USAGE = 2, EXIT_FAILED = 3 };

static int usage(void)
{
	fputs("usage: mkmedia usb|iso|pxe|update ELF EFI BUNDLE OUT [MIB]\n"
	      "  usb     USB image OUT of MIB mebibytes (default: room for two bundles)\n"
	      "  iso     hybrid ISO OUT\n"
	      "  pxe     TFTP folder OUT\n"
	      "  update  put BUNDLE into the free slot of the USB image or stick OUT\n",
	      stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct media_error why;
	char slot = 0;
	int err;

	if (argc < 6 || argc > 7)
		return usage();

	const struct media m = {.elf = argv[2], .efi = argv[3], .bundle = argv[4]};
	const char *out = argv[5];

	if (!strcmp(argv[1], "usb"))
		err =
		    media_make_usb(&m, out, argc > 6 ? strtoull(argv[6], NULL, 0) << 20 : 0, &why);
	else if (!strcmp(argv[1], "iso"))
		err = media_make_iso(&m, out, &why);
	else if (!strcmp(argv[1], "pxe"))
		err = media_make_pxe(&m, out, &why);
	else if (!strcmp(argv[1], "update"))
		err = media_update_usb(&m, out, &slot, &why);
	else
		return usage();
	if (err) {
		fprintf(stderr, "mkmedia: %s\n", why.text);
		return EXIT_FAILED;
	}
	if (slot)
		printf("%s: slot %c will be tried at the next start\n", out, slot);
	return 0;
}
