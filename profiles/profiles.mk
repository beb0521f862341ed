# The tool `caprock`: every host/ source but core/host, over the pure archive.
PACKAGES += libyaml-dev libxml2-dev libpci-dev libdrm-dev pciutils pci.ids
CAPROCK_O := $(filter-out $B/host/core/host/%,$(HOST_O))
CAPROCK_LIBS := -lyaml -lxml2 -lpci -ldrm

ALL += $B/caprock

$B/caprock: $(CAPROCK_O) $B/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $^ $(CAPROCK_LIBS) -o $@

$B/%/profiles/host/facts/gpus.o: HOST_CFLAGS += -isystem /usr/include/libdrm
$B/%/profiles/host/facts/gpus.o: SAN_CFLAGS += -isystem /usr/include/libdrm
$B/%/profiles/host/facts/gpus.o: FUZZ_CFLAGS += -isystem /usr/include/libdrm

IMPORT_O := $(foreach k,host san fuzz,$(addprefix $B/$k/profiles/host/import/,libvirt.o xml.o))
$(IMPORT_O): HOST_CFLAGS += -isystem /usr/include/libxml2
$(IMPORT_O): SAN_CFLAGS += -isystem /usr/include/libxml2
$(IMPORT_O): FUZZ_CFLAGS += -isystem /usr/include/libxml2
