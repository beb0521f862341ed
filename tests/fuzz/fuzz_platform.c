/*
 * A guest that touches its machine at random: ports, ECAM, I/O APIC, regions coming and going,
 * console input and time passing in between. Invariants: only interrupts a guest may have leave,
 * a read never gives bits above its width, nothing stays locked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vcpu/platform.h"

static u64 now;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void on_interrupt(void *ctx, const struct ioapic_message *m)
{
	check(m->vector >= 16 && m->destination < 1u << 15);
}

static void on_console(void *ctx, u8 byte)
{
}

static void on_reset(void *ctx, u32 vcpu, enum platform_reset_kind kind)
{
}

static void on_power_off(void *ctx, u32 vcpu)
{
}

static u64 on_time(void *ctx)
{
	return now;
}

static void on_refused(void *ctx, const struct platform_refused *r)
{
}

static void on_region(void *ctx, u32 vcpu, u64 off, u8 width, bool write, u64 *value)
{
	check(off + width <= 4096);
	if (!write)
		*value = 0;
}

static const struct platform_ops ops = {
    on_interrupt, on_console, on_reset, on_power_off, on_time, on_refused,
};

struct input {
	const u8 *p;
	size_t n;
};

static u64 take(struct input *in, size_t bytes)
{
	u64 v = 0;

	if (bytes > in->n)
		bytes = in->n;
	memcpy(&v, in->p, bytes);
	in->p += bytes;
	in->n -= bytes;
	return v;
}

static void step(struct platform *p, struct input *in)
{
	static const u8 io_width[] = {1, 2, 4, 1};
	static const u64 base[] = {0xe0000000, 0xfec00000, 0xc0000000, 0};
	u8 op = (u8)take(in, 1);
	u32 io_value;
	u64 value;
	u8 width;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		width = io_width[op >> 3 & 3];
		io_value = (u32)take(in, width);
		platform_io(p, 0, (u16)take(in, 2), width, op & 0x80, &io_value);
		check(width == 4 || op & 0x80 || io_value >> 8 * width == 0);
		break;
	case 3:
	case 4:
		width = (u8)(1 + (op >> 3 & 7));
		value = take(in, width);
		platform_mmio(p, 0, GPA(base[take(in, 1) & 3] + take(in, op & 0x40 ? 4 : 2)), width,
			      op & 0x80, &value);
		check(width == 8 || op & 0x80 || value >> 8 * width == 0);
		break;
	case 5: {
		const struct platform_region r = {GPA(0xc0000000 + (take(in, 1) << 12)), 4096,
						  on_region, NULL};

		if (op & 0x80)
			(void)!platform_region_remove(p, r.base);
		else
			(void)!platform_region_add(p, &r);
		break;
	}
	case 6:
		now += take(in, 5);
		break;
	default: {
		u8 typed[4];

		value = take(in, 4);
		memcpy(typed, &value, 4);
		platform_console_input(p, typed, 4);
		if (op & 0x40)
			platform_power_button(p);
		if (op & 0x80)
			platform_reset(p);
	}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct platform p;
	struct platform_region regions[8];
	struct input in = {data, size};
	const struct platform_config c = {
	    .ops = &ops,
	    .ecam = GPA(0xe0000000),
	    .ecam_buses = 64,
	    .regions = regions,
	    .max_regions = 8,
	};

	now = take(&in, 8);
	check(platform_init(&p, &c) == 0);
	while (in.n)
		step(&p, &in);
	check(p.uart.lock.next == p.uart.lock.serving);
	check(p.ioapic.lock.next == p.ioapic.lock.serving);
	check(p.rtc.lock.next == p.rtc.lock.serving);
	check(p.pm.lock.next == p.pm.lock.serving);
	check(p.region_lock.next == p.region_lock.serving);
	return 0;
}
