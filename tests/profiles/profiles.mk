# Tests of the tool's own parts: its host/ sources under sanitizers, without main.
PROFILE_HOST := $(filter-out profiles/host/main.c,$(filter profiles/host/%,$(HOST)))
$B/libprofiles-san.a: $(PROFILE_HOST:%.c=$B/san/%.o)
$B/libprofiles-fuzz.a: $(PROFILE_HOST:%.c=$B/fuzz/%.o)

PROFILE_TESTS := $(patsubst tests/profiles/%.c,$B/profiles/%,$(wildcard tests/profiles/test_*.c))
TESTS += $(PROFILE_TESTS)

$B/profiles/test_%: $B/san/tests/profiles/test_%.o $B/libfake-san.a $B/libprofiles-san.a $B/libpure-san.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(SAN) $< -Wl,--start-group $B/libfake-san.a $B/libprofiles-san.a $B/libpure-san.a -Wl,--end-group \
		$(CAPROCK_LIBS) -lcmocka -o $@

# rulecheck: rules that only a broken plan shows.
ALL += $B/tests/rulecheck
$B/tests/rulecheck: $(addprefix $B/host/,tests/profiles/rulecheck.o tests/fake/damage.o) \
		$(filter-out $B/host/profiles/host/main.o,$(CAPROCK_O)) $B/libpure.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $^ $(CAPROCK_LIBS) -o $@

TESTS += tests/profiles/test_run.py tests/profiles/test_tool.py tests/profiles/test_rules.py tests/profiles/test_typos.py tests/profiles/test_stream.py tests/profiles/test_heads.py
TESTS_ALL += tests/profiles/test_readme.py

# Fuzzers of host/ parts need its libraries.
PROFILE_FUZZ := $(addprefix $B/fuzz/fuzz_,site libvirt)
$(PROFILE_FUZZ): $B/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $B/libprofiles-fuzz.a $B/libpure-fuzz.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $< -Wl,--start-group $B/libprofiles-fuzz.a $B/libpure-fuzz.a \
		-Wl,--end-group $(CAPROCK_LIBS) -o $@
