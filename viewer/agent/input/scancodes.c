/*
 * XT set 1 codes, as RFB's QEMU key event carries them, to Linux key codes. Below 0x59 both number
 * the same keys alike; the rest, and the 0xe0 half, need a table.
 */
#include <linux/input-event-codes.h>

#include "viewer/agent/input/input.h"

static const u16 extended[128] = {
    [0x03] = KEY_F17,	       [0x04] = KEY_F19,	 [0x05] = KEY_AGAIN,
    [0x06] = KEY_PROPS,	       [0x07] = KEY_UNDO,	 [0x10] = KEY_PREVIOUSSONG,
    [0x19] = KEY_NEXTSONG,     [0x1c] = KEY_KPENTER,	 [0x1d] = KEY_RIGHTCTRL,
    [0x20] = KEY_MUTE,	       [0x21] = KEY_CALC,	 [0x22] = KEY_PLAYPAUSE,
    [0x24] = KEY_STOPCD,       [0x25] = KEY_SUSPEND,	 [0x2e] = KEY_VOLUMEDOWN,
    [0x30] = KEY_VOLUMEUP,     [0x32] = KEY_HOMEPAGE,	 [0x35] = KEY_KPSLASH,
    [0x37] = KEY_SYSRQ,	       [0x38] = KEY_RIGHTALT,	 [0x3c] = KEY_CUT,
    [0x41] = KEY_FIND,	       [0x46] = KEY_PAUSE,	 [0x47] = KEY_HOME,
    [0x48] = KEY_UP,	       [0x49] = KEY_PAGEUP,	 [0x4b] = KEY_LEFT,
    [0x4d] = KEY_RIGHT,	       [0x4f] = KEY_END,	 [0x50] = KEY_DOWN,
    [0x51] = KEY_PAGEDOWN,     [0x52] = KEY_INSERT,	 [0x53] = KEY_DELETE,
    [0x5b] = KEY_LEFTMETA,     [0x5c] = KEY_RIGHTMETA,	 [0x5d] = KEY_COMPOSE,
    [0x5e] = KEY_POWER,	       [0x5f] = KEY_SLEEP,	 [0x63] = KEY_WAKEUP,
    [0x65] = KEY_SEARCH,       [0x66] = KEY_BOOKMARKS,	 [0x67] = KEY_REFRESH,
    [0x68] = KEY_STOP,	       [0x69] = KEY_FORWARD,	 [0x6a] = KEY_BACK,
    [0x6b] = KEY_COMPUTER,     [0x6c] = KEY_MAIL,	 [0x6d] = KEY_MEDIA,
    [0x75] = KEY_HELP,	       [0x76] = KEY_KPLEFTPAREN, [0x77] = KEY_F18,
    [0x78] = KEY_COPY,	       [0x79] = KEY_F22,	 [0x7b] = KEY_KPRIGHTPAREN,
    [0x7d] = KEY_EJECTCLOSECD,
};

static const u16 plain_high[] = {
    [0x59 - 0x59] = KEY_KPEQUAL,
    [0x5a - 0x59] = KEY_F20,
    [0x5d - 0x59] = KEY_F13,
    [0x5e - 0x59] = KEY_F14,
    [0x5f - 0x59] = KEY_F15,
    [0x64 - 0x59] = KEY_OPEN,
    [0x65 - 0x59] = KEY_PASTE,
    [0x6d - 0x59] = KEY_F23,
    [0x6f - 0x59] = KEY_F24,
    [0x70 - 0x59] = KEY_KATAKANAHIRAGANA,
    [0x71 - 0x59] = KEY_HANJA,
    [0x72 - 0x59] = KEY_HANGEUL,
    [0x73 - 0x59] = KEY_RO,
    [0x74 - 0x59] = KEY_F21,
    [0x76 - 0x59] = KEY_ZENKAKUHANKAKU,
    [0x77 - 0x59] = KEY_HIRAGANA,
    [0x78 - 0x59] = KEY_KATAKANA,
    [0x79 - 0x59] = KEY_HENKAN,
    [0x7b - 0x59] = KEY_MUHENKAN,
    [0x7d - 0x59] = KEY_YEN,
    [0x7e - 0x59] = KEY_KPCOMMA,
};

u16 input_evdev_code(u32 scancode)
{
	if (scancode > 0xff)
		return scancode >> 8 == 0xe0 ? input_evdev_code(0x80 | (scancode & 0x7f)) : 0;
	if (scancode & 0x80)
		return extended[scancode & 0x7f];
	if (scancode == 0x54)
		return KEY_SYSRQ;
	if (scancode == 0x55)
		return KEY_F16;
	if (scancode < 0x59)
		return (u16)scancode;
	return scancode - 0x59 < ARRAY_SIZE(plain_high) ? plain_high[scancode - 0x59] : 0;
}
