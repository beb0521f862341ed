/*
 * The machine one workstation sees around its processors: a small Q35 without legacy.
 *
 * COM1 (16550A, pin 4), an edge-only I/O APIC, RTC, PM timer, power and reset ports, and a PCI tree
 * reached by CF8/CFC and ECAM. No PIC, PIT, HPET or keyboard controller: their ports are there to
 * be harmless. The second half of the machine, what describes it to the guest, is gacpi.h.
 *
 * Who calls what:
 *  - guest cores: platform_io() and platform_mmio(), from their exits, all of them at once;
 *  - the host core (or any other): platform_console_input(), platform_power_button();
 *  - whoever starts the workstation: platform_init(), registration, platform_reset(), while none of
 *    its cores runs and nobody else calls.
 *
 * Locking is inside: one ticket lock per device and per PCI function, never two at once (but the
 * table of regions has its own, innermost, so that a function may move its regions), none held while
 * an op below is called (so an op may take the caller's own locks, and may call
 * platform_console_input()). Allocation-free. sizeof(struct platform) comes from the workstation's
 * grant.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"
#include "core/vcpu/ioapic.h"
#include "core/vcpu/pm.h"
#include "core/vcpu/rtc.h"
#include "core/vcpu/uart.h"
#include "core/vcpu/vpci.h"

/* I/O APIC input pins. */
#define PLATFORM_PIN_COM1 4
#define PLATFORM_PIN_GED  9 /* ACPI events: power button */

enum platform_reset_kind {
	PLATFORM_RESET_CF9,	 /* port CF9, also the FADT's reset register */
	PLATFORM_RESET_KEYBOARD, /* FEh to port 64 */
	PLATFORM_RESET_PORT92,
};

enum platform_refusal {
	PLATFORM_REFUSED_PORT, /* nothing at this port */
	PLATFORM_REFUSED_MMIO, /* nothing at this address */
	PLATFORM_REFUSED_IRQ,  /* an I/O APIC entry with a delivery mode or vector nobody may use */
};

/* A wild access: reads gave all ones, writes were dropped. */
struct platform_refused {
	enum platform_refusal kind;
	u32 vcpu;
	u64 address; /* port, guest-physical address, or pin */
	u8 width;
	bool write;
};

/* What the machine asks of the engine that runs it. All are called without a platform lock held. */
struct platform_ops {
	/*
	 * Send an interrupt to this workstation's own cores: message fields as in an I/O APIC entry
	 * or MSI, vector >= 16, fixed or lowest priority, edge. From any core.
	 */
	void (*interrupt)(void *ctx, const struct ioapic_message *m);
	/* The guest wrote a byte to COM1. */
	void (*console_put)(void *ctx, u8 byte);
	/* The guest asked for a reset; called from the exit of the core that did. Returns. */
	void (*reset)(void *ctx, u32 vcpu, enum platform_reset_kind kind);
	/* The guest entered S5 ("soft off"). Returns. */
	void (*power_off)(void *ctx, u32 vcpu);
	/* Nanoseconds since the workstation started; never goes back. */
	u64 (*time_ns)(void *ctx);
	/* Count it. Called for every refused access: keep it short. */
	void (*refused)(void *ctx, const struct platform_refused *r);
};

/*
 * A region of guest-physical memory that is emulated, added beside the fixed ones: a virtual
 * device's registers, the page around an MSI-X table. `off` counts from the region's base and
 * off + width never leaves it; width is 1..8. The handler locks for itself.
 */
typedef void (*platform_region_fn)(void *ctx, u32 vcpu, u64 off, u8 width, bool write, u64 *value);

struct platform_region {
	gpa_t base;
	u64 size;
	platform_region_fn fn;
	void *ctx;
};

struct platform_config {
	const struct platform_ops *ops;
	void *ctx;
	u64 epoch_s;	 /* UTC, seconds since 1970-01-01, when ops->time_ns() gave 0 */
	gpa_t ecam;	 /* multiple of 64 MiB */
	u16 ecam_buses;	 /* 64, 128 or 256 */
	u64 memory_low;	 /* bytes of RAM below 4 GiB: for the CMOS registers firmware reads */
	u64 memory_high; /* bytes of RAM above 4 GiB */
	/* Room for regions, owned by the caller; may be NULL with 0. */
	struct platform_region *regions;
	u32 max_regions;
};

struct platform {
	struct platform_config config;
	struct uart uart;
	struct ioapic ioapic;
	struct rtc rtc;
	struct pm pm;
	struct vpci_root pci;
	struct vpci_host_bridge host_bridge;
	struct spinlock region_lock;
	u32 nregions;
	u8 port92, cf9;
	u64 refused; /* all refusals since platform_init() */
};

/* ERR_INVAL for a configuration outside the ranges above. The config is copied. */
__must_check int platform_init(struct platform *p, const struct platform_config *c);

/* Every device to its power-on state, PCI functions reset. Registered functions and regions stay. */
void platform_reset(struct platform *p);

/*
 * IN or OUT of width 1, 2 or 4 at any port. A read stores the value zero-extended in *value, a
 * write takes the low bytes of it. An access wider than a register is carried out bytewise.
 */
void platform_io(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value);

/*
 * Load or store of 1..8 bytes at a guest-physical address that has no memory behind it (the local
 * APIC's page excepted, which is the caller's). Same value rules.
 */
void platform_mmio(struct platform *p, u32 vcpu, gpa_t gpa, u8 width, bool write, u64 *value);

/*
 * Add, move or remove an emulated region, at any time, from any core. ERR_EXIST when it overlaps
 * another one or a fixed range, ERR_NOMEM when the table is full, ERR_NOENT when none starts there.
 * A handler already entered on another core may still run once when remove returns.
 */
__must_check int platform_region_add(struct platform *p, const struct platform_region *r);
__must_check int platform_region_remove(struct platform *p, gpa_t base);

/* Bytes typed at the console. Returns how many were taken; the others found the ring full. */
u32 platform_console_input(struct platform *p, const u8 *bytes, u32 n);

/* Press the power button: the guest's ACPI sees a notification and shuts down by itself. */
void platform_power_button(struct platform *p);
