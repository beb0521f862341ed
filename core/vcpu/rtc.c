#include "core/vcpu/rtc.h"

#include "core/base/mem.h"

#define NS_PER_S 1000000000u
/* Update-in-progress comes at least this long before the registers change (MC146818A, figure 17). */
#define UIP_NS	 244000u

enum { PORT_INDEX = 0x70, PORT_DATA = 0x71 };

enum {
	REG_SECOND = 0,
	REG_MINUTE = 2,
	REG_HOUR = 4,
	REG_WEEKDAY = 6,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_CENTURY = 0x32, /* where the FADT says it is */
};

enum { A_UIP = 0x80, A_RATE_32KHZ = 0x26 };
enum { B_SET = 0x80, B_BINARY = 4, B_24H = 2 };
enum { D_VALID = 0x80 };
enum { HOUR_PM = 0x80 };

/* A moment in the clock's fields, binary. Order as in rtc.hold. */
enum { SECOND, MINUTE, HOUR, WEEKDAY, DAY, MONTH, YEAR, CENTURY, FIELDS };

static const u8 field_register[FIELDS] = {
    REG_SECOND, REG_MINUTE, REG_HOUR, REG_WEEKDAY, REG_DAY, REG_MONTH, REG_YEAR, REG_CENTURY,
};

static int field_of(u8 reg)
{
	for (int i = 0; i < FIELDS; i++)
		if (field_register[i] == reg)
			return i;
	return -1;
}

/* ---- calendar: days since 1970-01-01 in the Gregorian calendar, years 1970..9999 -------------- */

static bool is_leap(u32 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static u32 month_days(u32 year, u32 month)
{
	static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

static u32 days_before_year(u32 year)
{
	u32 y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static void fields_from_seconds(u64 s, u8 f[FIELDS])
{
	u32 day = (u32)(s / 86400), rest = (u32)(s % 86400);
	u32 year = 1970 + day / 366, month = 1;

	f[SECOND] = (u8)(rest % 60);
	f[MINUTE] = (u8)(rest / 60 % 60);
	f[HOUR] = (u8)(rest / 3600);
	f[WEEKDAY] = (u8)((day + 4) % 7 + 1); /* 1970-01-01 was a Thursday; Sunday is 1 */
	while (day >= days_before_year(year + 1))
		year++;
	day -= days_before_year(year);
	while (day >= month_days(year, month))
		day -= month_days(year, month++);
	f[DAY] = (u8)(day + 1);
	f[MONTH] = (u8)month;
	f[YEAR] = (u8)(year % 100);
	f[CENTURY] = (u8)(year / 100);
}

/* False when the fields name no moment since 1970. */
static bool seconds_from_fields(const u8 f[FIELDS], u64 *s)
{
	u32 year = f[CENTURY] * 100u + f[YEAR];

	if (f[SECOND] > 59 || f[MINUTE] > 59 || f[HOUR] > 23 || f[YEAR] > 99 || f[CENTURY] > 99 ||
	    year < 1970 || f[MONTH] < 1 || f[MONTH] > 12 || f[DAY] < 1 ||
	    f[DAY] > month_days(year, f[MONTH]))
		return false;

	u64 day = days_before_year(year) + f[DAY] - 1u;

	for (u32 m = 1; m < f[MONTH]; m++)
		day += month_days(year, m);
	*s = day * 86400 + f[HOUR] * 3600u + f[MINUTE] * 60u + f[SECOND];
	return true;
}

/* ---- the registers' own number format --------------------------------------------------------- */

static u8 encode(const struct rtc *r, int field, u8 v)
{
	u8 pm = 0;

	if (field == HOUR && !(r->reg_b & B_24H)) {
		pm = v >= 12 ? HOUR_PM : 0;
		v = v % 12 ? v % 12 : 12;
	}
	if (!(r->reg_b & B_BINARY))
		v = (u8)(v / 10 << 4 | v % 10);
	return v | pm;
}

static u8 decode(const struct rtc *r, int field, u8 v)
{
	bool half_day = field == HOUR && !(r->reg_b & B_24H);
	bool pm = half_day && (v & HOUR_PM);

	if (half_day)
		v &= (u8)~HOUR_PM;
	if (!(r->reg_b & B_BINARY))
		v = (u8)((v >> 4) * 10 + (v & 15));
	if (half_day)
		v = (u8)(v % 12 + (pm ? 12 : 0));
	return v;
}

/* ---- the device ------------------------------------------------------------------------------ */

static u64 seconds_now(const struct rtc *r, u64 now_ns)
{
	return r->epoch_s + (u64)r->shift_s + now_ns / NS_PER_S;
}

static void commit(struct rtc *r, const u8 f[FIELDS], u64 now_ns)
{
	u64 s;

	if (seconds_from_fields(f, &s))
		r->shift_s = (s64)(s - r->epoch_s - now_ns / NS_PER_S);
}

/* Little-endian size in units of 2^shift bytes, as many bytes as there are registers. */
static void store_size(struct rtc *r, const u8 *registers, u32 n, u64 bytes, u32 shift)
{
	u64 units = bytes >> shift, max = ((u64)1 << 8 * n) - 1;

	if (units > max)
		units = max;
	for (u32 i = 0; i < n; i++)
		r->cmos[registers[i]] = (u8)(units >> 8 * i);
}

void rtc_init(struct rtc *r, u64 epoch_s, u64 memory_low, u64 memory_high)
{
	static const u8 base[] = {0x15, 0x16}, extended[] = {0x17, 0x18}, copy[] = {0x30, 0x31};
	static const u8 above_16m[] = {0x34, 0x35}, above_4g[] = {0x5b, 0x5c, 0x5d};

	*r = (struct rtc){.epoch_s = epoch_s};
	store_size(r, base, 2, KIB(640), 10);
	store_size(r, extended, 2, memory_low > MIB(1) ? memory_low - MIB(1) : 0, 10);
	store_size(r, copy, 2, memory_low > MIB(1) ? memory_low - MIB(1) : 0, 10);
	store_size(r, above_16m, 2, memory_low > MIB(16) ? memory_low - MIB(16) : 0, 16);
	store_size(r, above_4g, 3, memory_high, 16);
	rtc_reset(r);
}

void rtc_reset(struct rtc *r)
{
	r->index = 0;
	r->reg_a = A_RATE_32KHZ;
	r->reg_b = B_24H;
	r->held = false;
}

static u8 read_time(const struct rtc *r, int field, u64 now_ns)
{
	u8 f[FIELDS];

	if (r->held)
		return encode(r, field, r->hold[field]);
	fields_from_seconds(seconds_now(r, now_ns), f);
	return encode(r, field, f[field]);
}

static u8 read_data(const struct rtc *r, u64 now_ns)
{
	int field = field_of(r->index);

	if (field >= 0)
		return read_time(r, field, now_ns);
	switch (r->index) {
	case REG_A:
		return r->reg_a | (!r->held && now_ns % NS_PER_S >= NS_PER_S - UIP_NS ? A_UIP : 0);
	case REG_B:
		return r->reg_b;
	case REG_C:
		return 0; /* no interrupt is ever pending */
	case REG_D:
		return D_VALID;
	default:
		return r->cmos[r->index];
	}
}

static void write_time(struct rtc *r, int field, u8 v, u64 now_ns)
{
	u8 f[FIELDS];

	if (r->held) {
		r->hold[field] = decode(r, field, v);
		return;
	}
	fields_from_seconds(seconds_now(r, now_ns), f);
	f[field] = decode(r, field, v);
	commit(r, f, now_ns);
}

static void write_b(struct rtc *r, u8 v, u64 now_ns)
{
	bool hold = v & B_SET;

	r->reg_b = v;
	if (hold && !r->held)
		fields_from_seconds(seconds_now(r, now_ns), r->hold);
	else if (!hold && r->held)
		commit(r, r->hold, now_ns);
	r->held = hold;
}

static void write_data(struct rtc *r, u8 v, u64 now_ns)
{
	int field = field_of(r->index);

	if (field >= 0) {
		write_time(r, field, v, now_ns);
		return;
	}
	switch (r->index) {
	case REG_A:
		r->reg_a = v & (u8)~A_UIP;
		break;
	case REG_B:
		write_b(r, v, now_ns);
		break;
	case REG_C:
	case REG_D:
		break;
	default:
		r->cmos[r->index] = v;
	}
}

u8 rtc_read(struct rtc *r, u16 port, u64 now_ns)
{
	spin_lock(&r->lock);

	u8 v = port == PORT_DATA ? read_data(r, now_ns) : r->index;

	spin_unlock(&r->lock);
	return v;
}

void rtc_write(struct rtc *r, u16 port, u8 v, u64 now_ns)
{
	spin_lock(&r->lock);
	if (port == PORT_DATA)
		write_data(r, v, now_ns);
	else if (port == PORT_INDEX)
		r->index = v & (RTC_CMOS_SIZE - 1); /* bit 7 masks NMI on a PC */
	spin_unlock(&r->lock);
}
