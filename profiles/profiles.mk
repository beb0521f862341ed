# The tool `caprock`: every host/ source but core/host, over the pure archive.
PACKAGES += libyaml-dev libpci-dev libdrm-dev pciutils pci.ids
CAPROCK_O := $(filter-out $B/host/core/host/%,$(HOST_O))
CAPROCK_LIBS := -lyaml -lpci -ldrm

ALL += $B/caprock

$B/caprock: $(CAPROCK_O) $B/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $^ $(CAPROCK_LIBS) -o $@

$B/%/profiles/host/facts/gpus.o: HOST_CFLAGS += -isystem /usr/include/libdrm
$B/%/profiles/host/facts/gpus.o: SAN_CFLAGS += -isystem /usr/include/libdrm
$B/%/profiles/host/facts/gpus.o: FUZZ_CFLAGS += -isystem /usr/include/libdrm
