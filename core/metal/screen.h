/* The boot screen: what a person in front of the machine sees when it refuses to start. */
#pragma once

struct boot_framebuffer;

/* Take a linear framebuffer, or the text screen at B8000h when there is none. */
void screen_init(const struct boot_framebuffer *fb);

/* One character; does nothing before screen_init(). '\n' begins a new line and scrolls. */
void screen_put(char c);

/* Leave the screen to its next owner: nothing is written after this. */
void screen_release(void);
