/*
 * The hypervisor's log: lines in a ring in memory, copied to the serial port, the debug port and
 * the screen by the host core. Until the host core's loop runs, and in a panic, each line goes out
 * at once. A serial port that takes nothing is waited for once; what it misses then is counted, and
 * the number is said there as soon as it takes something again.
 */
#pragma once

#include "core/base/types.h"

struct boot_framebuffer;

/* Find the UART and the debug port. The first thing that runs; lines before it are kept. */
void log_init(void);

/* Take the boot screen (screen_init()); the text so far is drawn on it. */
void log_set_screen(const struct boot_framebuffer *fb, bool early);

/* From now on lines are only queued; the host core calls log_drain(). */
void log_defer(void);

/* Copy what is queued to the outputs. Returns false when there was nothing. Host core only. */
bool log_drain(void);

/* Drop locks and write through: for a panic, whatever state the log was in. */
void log_panic_mode(void);

/* Lines of `level` and more urgent are kept. */
void log_set_level(u8 level);

/*
 * Text of a workstation's console, as lines prefixed with "[name] ". `name` must stay the same
 * pointer for one workstation. Host core only.
 */
void log_console(const char *name, const char *text, u32 len);

/* The last `size` bytes of the log, for a crash record. Returns the bytes written. */
u32 log_tail(char *out, u32 size);
