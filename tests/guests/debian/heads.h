/* Connectors as Linux has them. */
#pragma once

/*
 * A line for each connector of each card, behind `title`: its name, its state, whether it is enabled, the first of
 * its modes, its EDID in hexadecimal digits, "-" for none; then one with the first framebuffer's size, which is
 * that of the mode the kernel chose.
 */
void heads_print(const char *title);
