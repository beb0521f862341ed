# Every folder of tests may bring a fragment of its own.
include $(sort $(wildcard tests/*/*.mk))
