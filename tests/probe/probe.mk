# Tests of `caprock probe` and the machine file.
PROBE_SURVEY := $(filter passthrough/host/%,$(HOST))
$B/libsurvey-san.a: $(PROBE_SURVEY:%.c=$B/san/%.o)
$B/libsurvey-fuzz.a: $(PROBE_SURVEY:%.c=$B/fuzz/%.o)

PACKAGES += busybox-static kmod
TESTS += $B/probe/test_facts tests/probe/probe.py tests/probe/guest.py
TESTS_ALL += tests/probe/all_pairs.sh

# Machines of our own, for when there is no corpus.
$B/probe/machines/made: tests/probe/synthetic.py
	@mkdir -p $(@D)
	$(Q)$< $(@D) && touch $@

$B/probe/test_%: $B/san/tests/probe/test_%.o $B/libprofiles-san.a $B/libsurvey-san.a $B/libpure-san.a | $B/probe/machines/made
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(SAN) $< -Wl,--start-group $B/libprofiles-san.a $B/libsurvey-san.a $B/libpure-san.a -Wl,--end-group \
		$(CAPROCK_LIBS) -lcmocka -o $@

$B/fuzz/fuzz_lspci $B/fuzz/fuzz_machine: $B/fuzz/%: tests/fuzz/%.c $B/libprofiles-fuzz.a $B/libsurvey-fuzz.a $B/libpure-fuzz.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $< -Wl,--start-group $B/libprofiles-fuzz.a $B/libsurvey-fuzz.a \
		$B/libpure-fuzz.a -Wl,--end-group $(CAPROCK_LIBS) -o $@

# Debian's kernel with caprock, lspci and the drivers of the devices that guest.py plugs in.
$B/probe/guest.cpio: tests/probe/mkguest.py tests/probe/guest_init.sh $B/caprock | $(DEBIAN_VMLINUZ)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< $@ $B/caprock $(DEBIAN)
test-built test-all-built: $B/probe/guest.cpio $B/probe/machines/made
