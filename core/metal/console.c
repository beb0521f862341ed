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

bool console_drain(struct console *c, const char *name)
{
	u32 head = __atomic_load_n(&c->head, __ATOMIC_ACQUIRE);
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
		log_console(name, note,
			    (u32)fmt(note, sizeof(note), "[%lu bytes lost]\n", (unsigned long)lost));
	}
	return any;
}
