BENCHES += bench-profiles

.PHONY: bench-profiles
bench-profiles: programs ## time and instructions of checking 8 to 64 workstations on a large machine
	@tests/bench/profiles.py

TESTS_ALL += tests/bench/test_profiles.sh
