# What guests see of real and of made-up functions.
TESTS += tests/golden/test_view.py

$B/golden/view: $B/san/tests/golden/view.o $B/libfake-san.a $B/libpure-san.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(SAN) $< -Wl,--start-group $B/libfake-san.a $B/libpure-san.a -Wl,--end-group -lcmocka -o $@

test-built test-all-built: $B/golden/view
