# The tool `caprock`: every host/ source but core/host, over the pure archive.
CAPROCK_O := $(filter-out $B/host/core/host/%,$(HOST_O))

ALL += $B/caprock

$B/caprock: $(CAPROCK_O) $B/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $^ -o $@
