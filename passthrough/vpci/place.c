#include "passthrough/vpci/place.h"

#define GRANULE	   ((u64)PAGE_SIZE) /* small BARs do not share pages */
#define WINDOW	   MIB(1)	    /* of a bridge (PCI-to-PCI Bridge 1.2 §3.2.5.8) */
#define SHIFT_MAX  52
#define SHIFT_MIN  12
#define BAR_32_MAX GIB(1) /* what whole GiB of window can hold beside ECAM */

/* Space to hand out from, upwards. */
struct space {
	u64 next, end;
};

static u64 room_of(const struct place_bar *b)
{
	return max_u64(b->size, GRANULE);
}

static bool goes_high(const struct place_bar *b)
{
	return b->is64 && (b->port == PLACE_ROOT_BUS || b->prefetch);
}

static int check(const struct place *p)
{
	for (u32 i = 0; i < p->nbars; i++) {
		const struct place_bar *b = &p->bars[i];

		if (b->size & (b->size - 1) || b->size >> SHIFT_MAX ||
		    (!goes_high(b) && b->size > BAR_32_MAX) ||
		    (b->port != PLACE_ROOT_BUS && b->port >= p->nports))
			return ERR_INVAL;
	}
	return OK;
}

static int take(struct space *s, u64 size, u64 align, u64 *at)
{
	u64 start;

	if (s->next > s->end)
		return ERR_RANGE;
	start = align_up(s->next, align);
	if (start < s->next || start > s->end || size > s->end - start)
		return ERR_RANGE;
	*at = start;
	s->next = start + size;
	return OK;
}

/* What a port's window holds, and the largest alignment in it. */
static u64 port_sum(const struct place *p, u32 port, bool high, u64 *align)
{
	u64 sum = 0;

	*align = WINDOW;
	for (u32 i = 0; i < p->nbars; i++) {
		const struct place_bar *b = &p->bars[i];

		if (b->port != port || !b->size || goes_high(b) != high)
			continue;
		sum += room_of(b);
		*align = max_u64(*align, room_of(b));
	}
	return align_up(sum, WINDOW);
}

static struct layout_window *window_of(struct place_port *port, bool high)
{
	return high ? &port->prefetch : &port->memory;
}

/* Everything for one side of 4 GiB, from `s`, largest alignment first. */
static int fill(struct place *p, struct space *s, bool high)
{
	int err = OK;

	for (u32 shift = SHIFT_MAX; shift >= SHIFT_MIN && !err; shift--) {
		u64 align = 1ull << shift, a;

		for (u32 i = 0; i < p->nports && !err; i++) {
			struct layout_window *w = window_of(&p->ports[i], high);

			w->size = port_sum(p, i, high, &a);
			if (w->size && a == align)
				err = take(s, w->size, a, &w->base);
		}
		for (u32 i = 0; i < p->nbars && !err; i++) {
			struct place_bar *b = &p->bars[i];

			if (b->size && b->port == PLACE_ROOT_BUS && goes_high(b) == high &&
			    room_of(b) == align)
				err = take(s, align, align, &b->at);
		}
	}
	return err;
}

/* Inside the ports' windows there are no gaps: powers of two, descending, from an aligned start. */
static int fill_ports(struct place *p, bool high)
{
	int err = OK;

	for (u32 k = 0; k < p->nports; k++) {
		const struct layout_window *w = window_of(&p->ports[k], high);
		struct space s = {w->base, w->base + w->size};

		for (u32 shift = SHIFT_MAX; shift >= SHIFT_MIN; shift--)
			for (u32 i = 0; i < p->nbars && !err; i++) {
				struct place_bar *b = &p->bars[i];

				if (b->size && b->port == k && goes_high(b) == high &&
				    room_of(b) == 1ull << shift)
					err = take(&s, room_of(b), room_of(b), &b->at);
			}
	}
	return err;
}

int place_need(struct place *p, u64 *need32, u64 *need64)
{
	/* placed from an address that everything is aligned to: what is used is what is needed */
	struct space low = {0, ~0ull}, high = {0, ~0ull};
	int err = check(p);

	if (!err)
		err = fill(p, &low, false);
	if (!err)
		err = fill(p, &high, true);
	*need32 = low.next;
	*need64 = high.next;
	return err;
}

int place_bars(struct place *p, const struct layout *l)
{
	struct space low[2], high = {l->mmio64.base, l->mmio64.base + l->mmio64.size};
	u32 first = l->mmio32[1].size < l->mmio32[0].size;
	int err = check(p);

	if (err)
		return err;
	for (u32 i = 0; i < 2; i++)
		low[i] = (struct space){l->mmio32[i].base, l->mmio32[i].base + l->mmio32[i].size};
	/* the smaller window when it holds them all, so that the large one stays whole */
	err = fill(p, &low[first], false);
	if (err)
		err = fill(p, &low[!first], false);
	if (!err)
		err = fill(p, &high, true);
	if (!err)
		err = fill_ports(p, false);
	if (!err)
		err = fill_ports(p, true);
	return err;
}
