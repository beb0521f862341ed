#include "core/base/fmt.h"
#include "core/metal/console.h"
#include "core/metal/log.h"

void console_init(struct console *c)
{
	*c = (struct console){0};
}

bool console_put(struct console *c, char byte)
{
	spin_lock(&c->lock);
	u32 used = c->head - __atomic_load_n(&c->tail, __ATOMIC_ACQUIRE);

	if (used < CONSOLE_RING) {
		c->ring[c->head % CONSOLE_RING] = byte;
		__atomic_store_n(&c->head, c->head + 1, __ATOMIC_RELEASE);
	} else {
		c->lost++;
	}
	spin_unlock(&c->lock);
	return byte == '\n' || used == CONSOLE_RING / 2;
}

/* Where to stop: behind the last line's end, or at the head for a prompt that has stood a while. */
static u32 drain_limit(struct console *c, u32 head, bool tick)
{
	u32 at = head;

	if (tick) {
		bool quiet = c->seen_head == head;

		c->seen_head = head;
		if (quiet)
			return head;
	}
	if (head - c->tail > CONSOLE_RING / 2)
		return head;
	while (at != c->tail && c->ring[(at - 1) % CONSOLE_RING] != '\n')
		at--;
	return at;
}

bool console_drain(struct console *c, const char *name, bool tick)
{
	u32 head = drain_limit(c, __atomic_load_n(&c->head, __ATOMIC_ACQUIRE), tick);
	bool any = head != c->tail;

	while (c->tail != head) {
		u32 at = c->tail % CONSOLE_RING;
		u32 n = (u32)min_u64(head - c->tail, CONSOLE_RING - at);

		log_console(name, c->ring + at, n);
		__atomic_store_n(&c->tail, c->tail + n, __ATOMIC_RELEASE);
	}
	if (c->lost) {
		char note[64];

		spin_lock(&c->lock);
		u64 lost = c->lost;

		c->lost = 0;
		spin_unlock(&c->lock);
		log_console(
		    name, note,
		    (u32)fmt(note, sizeof(note), "[%lu bytes lost]\n", (unsigned long)lost));
	}
	return any;
}
