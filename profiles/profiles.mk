# The tool `caprock`: every host/ source but core/host, over the pure archive.
PACKAGES += libyaml-dev
CAPROCK_O := $(filter-out $B/host/core/host/%,$(HOST_O))
CAPROCK_LIBS := -lyaml

ALL += $B/caprock

$B/caprock: $(CAPROCK_O) $B/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $^ $(CAPROCK_LIBS) -o $@
