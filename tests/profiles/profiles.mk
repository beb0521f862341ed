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
