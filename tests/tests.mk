# Every folder of tests may bring a fragment of its own; others build on what the guests' names.
include tests/guests/guests.mk $(sort $(filter-out tests/guests/guests.mk,$(wildcard tests/*/*.mk)))
