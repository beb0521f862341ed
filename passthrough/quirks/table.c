#include "passthrough/quirks/quirks.h"

#define ANY	0x0000, 0xffff
#define ONE(id) id, id
#define DISPLAY .class_mask = 0xff0000, .class_code = 0x030000
#define LINUX	"Linux 6.1 drivers/pci/quirks.c, "

#define ATI	0x1002
#define AMD	0x1022
#define NVIDIA	0x10de
#define SAMSUNG 0x144d
#define ATHEROS 0x168c
#define INTEL	0x8086

const struct quirk quirk_table[] = {
    /*
     * NVIDIA. The driver reaches its own configuration space at BAR 0 + 88000h, where writes would
     * pass the view by: it gets the view there too.
     */
    {NVIDIA, ANY, DISPLAY, .mirror = 0x88000, .mirror_size = 0x1000,
     .source = "QEMU 7.2 hw/vfio/pci-quirks.c, BAR 0 mirror at 88000h and its MSI acknowledgement"},
    {NVIDIA, 0x2340, 0x237f, .actions = QUIRK_NO_BUS_RESET,
     .source = LINUX "quirk_nvidia_no_bus_reset"},

    {NVIDIA, ONE(0x1eb8), .actions = QUIRK_NO_BUS_RESET,
     .source = "Linux 6.3 drivers/pci/quirks.c, quirk_nvidia_no_bus_reset (T4)"},

    /*
     * AMD graphics. D3hot says that it resets and does not. Cards up to Navi 14 do not come back from a
     * bus reset once a driver has run; from Navi 21 on they do. What is not listed as coming back has
     * one owner a power-on.
     */
    {ATI, ANY, DISPLAY, .actions = QUIRK_NO_PM_RESET | QUIRK_NO_RESET,
     .source = LINUX "quirk_no_pm_reset; gnif/vendor-reset README (Polaris, Vega, Navi 10..14)"},
    {ATI, 0x73a0, 0x73ff, DISPLAY, .actions = QUIRK_RESET_KNOWN,
     .source = "gnif/vendor-reset README: Navi 21 and later reset by their bus"},
    {ATI, 0x7440, 0x74ff, DISPLAY, .actions = QUIRK_RESET_KNOWN,
     .source = "gnif/vendor-reset README: Navi 21 and later reset by their bus"},

    /* AMD chipset functions that advertise FLR and hang in it. */
    {AMD, ONE(0x1487), .actions = QUIRK_NO_FLR, .source = LINUX "quirk_no_flr (Matisse audio)"},
    {AMD, ONE(0x148c), .actions = QUIRK_NO_FLR, .source = LINUX "quirk_no_flr (Starship USB)"},
    {AMD, ONE(0x149c), .actions = QUIRK_NO_FLR, .source = LINUX "quirk_no_flr (Matisse USB)"},
    {AMD, ONE(0x7901), .actions = QUIRK_NO_FLR, .source = LINUX "quirk_no_flr (FCH SATA)"},

    /*
     * Intel graphics: its vendor capability tells of features of the platform. OpRegion (FCh), stolen
     * memory (5Ch) and GMCH control (50h) have no row in the view, so that a driver finds neither; the
     * firmware's demand to keep them (RMRR) is a matter of keep_reserved.
     */
    {INTEL, ANY, DISPLAY, .actions = QUIRK_HIDE_VENDOR,
     .source = "Intel 6th generation datasheet vol. 2 (332688), §2: CAPID0, GGC, BDSM, ASLS"},
    {INTEL, 0x1502, 0x1503, .actions = QUIRK_NO_FLR, .source = LINUX "quirk_no_flr (82579)"},

    /* NVMe */
    {SAMSUNG, ONE(0xa804), .actions = QUIRK_NO_FLR,
     .source = LINUX "nvme_disable_and_flr: FLR fails while the controller is enabled"},
    {INTEL, ONE(0x0953), .settle_ms = 250, .source = LINUX "delay_250ms_after_flr (DC P3700)"},
    {INTEL, ONE(0x0a54), .settle_ms = 250, .source = LINUX "delay_250ms_after_flr (DC P4510)"},

    /* Cards that vanish after a bus reset. */
    {ATHEROS, ONE(0x0030), .actions = QUIRK_NO_BUS_RESET, .source = LINUX "quirk_no_bus_reset"},
    {ATHEROS, 0x0032, 0x0034, .actions = QUIRK_NO_BUS_RESET, .source = LINUX "quirk_no_bus_reset"},
    {ATHEROS, ONE(0x003c), .actions = QUIRK_NO_BUS_RESET, .source = LINUX "quirk_no_bus_reset"},
    {ATHEROS, ONE(0x003e), .actions = QUIRK_NO_BUS_RESET, .source = LINUX "quirk_no_bus_reset"},
};

const u32 quirk_count = ARRAY_SIZE(quirk_table);
