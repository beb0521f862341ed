# Debian packages from what `make install` puts into an empty folder.
PACKAGES += dpkg-dev lintian mmdebstrap man-db
TESTS_ALL += tests/package/test_package.py

deb: $B/caprock $(HV) $(EFI) $(MAN) $B/caprock-completion.bash $(addprefix $B/caprock-,agent auth seat viewer) ## Debian packages in build/deb
	$(Q)MAKE='$(MAKE)' tests/package/mkdeb $B/deb
