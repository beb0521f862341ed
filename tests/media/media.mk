# Boot media: make image BUNDLE=FILE. Without BUNDLE, two tiny guests on a QEMU machine of 1 GiB.
PACKAGES += mtools fdisk xorriso grub-common grub-pc-bin grub-efi-amd64-bin ovmf ipxe-qemu sbsigntool openssl
ALL += $B/tests/mkmedia
TESTS += tests/media/test_media.py
TESTS_ALL += tests/media/test_media_all.py

$B/tests/mkmedia: $(addprefix $B/host/,tests/media/mkmedia.o profiles/host/media/run.o profiles/host/media/usb.o \
		profiles/host/media/grub.o) $B/libpure.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $^ -o $@

MEDIA := $B/media
BUNDLE ?= $B/media/tiny.bundle

$B/media/tiny.bundle: $B/tests/mkbundle $B/guests/smoke.elf $B/guests/heartbeat.elf
	@mkdir -p $(@D)
	$(Q)$B/tests/mkbundle -q -o $@ --smp 4 --memory 1G --ws name=one,cores=1,mem=64M,kernel=$B/guests/smoke.elf \
		--ws name=two,cores=2,mem=64M,kernel=$B/guests/heartbeat.elf

image: $B/tests/mkmedia $(HV) $(EFI) $(BUNDLE) ## boot media of BUNDLE=FILE in build/media: USB image, ISO, PXE folder
	@mkdir -p $(MEDIA)
	@rm -rf $(MEDIA)/pxe
	$(Q)$B/tests/mkmedia usb $(HV) $(EFI) $(BUNDLE) $(MEDIA)/caprock-usb.img
	$(Q)$B/tests/mkmedia iso $(HV) $(EFI) $(BUNDLE) $(MEDIA)/caprock.iso
	$(Q)$B/tests/mkmedia pxe $(HV) $(EFI) $(BUNDLE) $(MEDIA)/pxe
	@du -sh --apparent-size $(MEDIA)/caprock-usb.img $(MEDIA)/caprock.iso $(MEDIA)/pxe
