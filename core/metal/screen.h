/*
 * The boot screen: what a person in front of the machine sees when it refuses to start. Letters in a
 * linear framebuffer, or the text screen of a PC where the loader left none.
 *
 * Text that reaches the bottom moves up by a quarter of the screen at once; what is shown is kept in
 * memory, so the framebuffer is never read and only cells that change are drawn.
 */
#pragma once

#include "core/metal/boot/boot_info.h"

/*
 * Take the screen. `early`: on the identity map the entry made, where only what lies below 4 GiB can
 * be shown; then again on the hypervisor's own tables, write-combining. True: it was cleared, so the
 * text so far is to be drawn.
 */
bool screen_init(const struct boot_framebuffer *fb, bool early);

/* One character; does nothing before screen_init(). '\n' begins a new line. */
void screen_put(char c);

/* Leave the screen to its next owner: nothing is written after this. */
void screen_release(void);
