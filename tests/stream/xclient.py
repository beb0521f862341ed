"""
A person at an X display, and a program there that is typed into: keys and pointer by XTest, what is
held down, the cursor's picture, a window that notes text (with dead keys) and presses. Xlib by ctypes.
"""
import ctypes
import ctypes.util
import time
from ctypes import byref, c_char, c_char_p, c_int, c_long, c_uint, c_ulong, c_ushort, c_short, c_void_p

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE = 2, 3, 4, 5
MASK = 1 | 2 | 4 | 8 | 1 << 15 | 1 << 21  # keys, buttons, exposure, focus
SHIFT, ALTGR = 50, 108  # key codes of evdev
COPY_FROM_PARENT = 0


class KeyEvent(ctypes.Structure):
    _fields_ = [("type", c_int), ("serial", c_ulong), ("send_event", c_int), ("display", c_void_p), ("window", c_ulong),
                ("root", c_ulong), ("subwindow", c_ulong), ("time", c_ulong), ("x", c_int), ("y", c_int),
                ("x_root", c_int), ("y_root", c_int), ("state", c_uint), ("code", c_uint), ("same_screen", c_int)]


class Event(ctypes.Union):
    _fields_ = [("type", c_int), ("key", KeyEvent), ("pad", c_long * 24)]


class CursorImage(ctypes.Structure):
    _fields_ = [("x", c_short), ("y", c_short), ("width", c_ushort), ("height", c_ushort), ("hot_x", c_ushort),
                ("hot_y", c_ushort), ("serial", c_ulong), ("pixels", ctypes.POINTER(c_ulong))]


def library(name, **results):
    lib = ctypes.CDLL(ctypes.util.find_library(name))
    for function, result in results.items():
        getattr(lib, function).restype = result
    return lib


x11 = library("X11", XOpenDisplay=c_void_p, XDefaultRootWindow=c_ulong, XCreateSimpleWindow=c_ulong, XOpenIM=c_void_p,
              XCreateIC=c_void_p, XSetLocaleModifiers=c_char_p, XKeysymToKeycode=ctypes.c_ubyte, XCreateFontCursor=c_ulong)
xtst = library("Xtst")
xfixes = library("Xfixes", XFixesGetCursorImage=ctypes.POINTER(CursorImage))
libc = library("c", setlocale=c_char_p)
ON_ERROR = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
ignore = ON_ERROR(lambda display, event: 0)  # a window that is gone meanwhile ends no test
x11.XSetErrorHandler(ignore)


class X:
    def __init__(self, display):
        self.dpy = c_void_p(x11.XOpenDisplay(display.encode()))
        assert self.dpy, "no X display " + display
        self.root = c_ulong(x11.XDefaultRootWindow(self.dpy))

    def close(self):
        x11.XCloseDisplay(self.dpy)

    def sync(self):
        x11.XSync(self.dpy, 0)

    def no_repeat(self):
        x11.XAutoRepeatOff(self.dpy)
        self.sync()

    def key(self, code, down):
        xtst.XTestFakeKeyEvent(self.dpy, c_uint(code), c_int(down), c_ulong(0))
        self.sync()

    def type(self, code, *held):
        for modifier in held:
            self.key(modifier, True)
        self.key(code, True)
        self.key(code, False)
        for modifier in reversed(held):
            self.key(modifier, False)

    def move(self, x, y):
        xtst.XTestFakeMotionEvent(self.dpy, c_int(-1), c_int(x), c_int(y), c_ulong(0))
        self.sync()

    def button(self, number, down):
        xtst.XTestFakeButtonEvent(self.dpy, c_uint(number), c_int(down), c_ulong(0))
        self.sync()

    def keys_down(self):
        bits = (c_char * 32)()
        x11.XQueryKeymap(self.dpy, bits)
        return {i for i in range(256) if bits.raw[i // 8] >> i % 8 & 1}

    def pointer(self):
        """Where it is, and the mask of buttons and modifiers (button 1 is bit 8)."""
        root, child, x, y, wx, wy, mask = c_ulong(), c_ulong(), c_int(), c_int(), c_int(), c_int(), c_uint()
        x11.XQueryPointer(self.dpy, self.root, byref(root), byref(child), byref(x), byref(y), byref(wx), byref(wy), byref(mask))
        return x.value, y.value, mask.value

    def cursor(self):
        """The pointer's picture: width, height, hot spot, pixels (ARGB, premultiplied)."""
        image = xfixes.XFixesGetCursorImage(self.dpy).contents
        return (image.width, image.height, image.hot_x, image.hot_y,
                [image.pixels[i] & 0xffffffff for i in range(image.width * image.height)])

    def set_cursor(self, shape):
        """One of the cursor font's, for the whole display."""
        x11.XDefineCursor(self.dpy, self.root, c_ulong(x11.XCreateFontCursor(self.dpy, c_uint(shape))))
        self.sync()

    def windows(self):
        root, parent, list_, n = c_ulong(), c_ulong(), ctypes.POINTER(c_ulong)(), c_uint()
        x11.XQueryTree(self.dpy, self.root, byref(root), byref(parent), byref(list_), byref(n))
        return [list_[i] for i in range(n.value)]

    def shown(self, window):
        """Width and height of a window that is on screen, else None."""
        values = (c_long * 24)()  # XWindowAttributes: x, y, width, height are its first four ints
        if not x11.XGetWindowAttributes(self.dpy, c_ulong(window), byref(values)):
            return None
        x, y, width, height = ctypes.cast(values, ctypes.POINTER(c_int))[:4]
        state = ctypes.cast(values, ctypes.POINTER(c_int))[23]  # map_state
        return (width, height) if state == 2 else None

    def focus(self, window):
        x11.XSetInputFocus(self.dpy, c_ulong(window), c_int(1), c_ulong(0))
        self.sync()

    def code_of(self, keysym):
        return x11.XKeysymToKeycode(self.dpy, c_ulong(keysym))


class Window(X):
    """Fills its place on the display and notes what it is told."""

    def __init__(self, display, x=0, y=0, width=200, height=200, ground=0x808080):
        libc.setlocale(c_int(6), b"C.UTF-8")  # LC_ALL: what dead keys make is said by the locale
        super().__init__(display)
        self.window = c_ulong(x11.XCreateSimpleWindow(self.dpy, self.root, c_int(x), c_int(y), c_uint(width), c_uint(height),
                                                      c_uint(0), c_ulong(0), c_ulong(ground)))
        x11.XSelectInput(self.dpy, self.window, c_long(MASK))
        x11.XMapRaised(self.dpy, self.window)
        self.sync()
        self.end = 0
        self.presses, self.syms, self.releases, self.buttons = [], [], [], []
        self.new_layout()

    def new_layout(self):
        """A fresh input method, which reads the layout as it is now."""
        x11.XSetLocaleModifiers(b"@im=none")
        self.im = c_void_p(x11.XOpenIM(self.dpy, None, None, None))
        self.ic = c_void_p(x11.XCreateIC(self.im, c_char_p(b"inputStyle"), c_ulong(0x408), c_char_p(b"clientWindow"),
                                         self.window, c_void_p(None)))
        assert self.ic, "no input method"
        x11.XSetICFocus(self.ic)
        self.focus(self.window.value)
        self.read()

    def read(self):
        """Text that was typed since the last call."""
        text, event, sym = "", Event(), c_ulong()
        while x11.XPending(self.dpy):
            x11.XNextEvent(self.dpy, byref(event))
            if event.type == 34:  # MappingNotify
                x11.XRefreshKeyboardMapping(byref(event))
            code = event.key.code
            if event.type == KEY_PRESS and code:  # the input method's own have none
                self.presses.append(code)
                x11.XLookupString(byref(event), None, c_int(0), byref(sym), None)
                self.syms.append(sym.value)
            elif event.type == KEY_RELEASE:
                self.releases.append(code)
            elif event.type in (BUTTON_PRESS, BUTTON_RELEASE):
                self.buttons.append((event.type == BUTTON_PRESS, code, event.key.x_root, event.key.y_root))
            if x11.XFilterEvent(byref(event), c_ulong(0)) or event.type != KEY_PRESS:
                continue
            room, status = ctypes.create_string_buffer(64), c_int()
            n = x11.Xutf8LookupString(self.ic, byref(event), room, c_int(63), byref(sym), byref(status))
            if status.value in (2, 4):  # XLookupChars, XLookupBoth
                text += room.raw[:n].decode()
        return text

    def read_until(self, code, seconds=20):
        """Text until that key has come up again."""
        text, end = "", time.monotonic() + seconds
        del self.releases[:]
        while code not in self.releases and time.monotonic() < end:
            text += self.read()
            time.sleep(0.005)
        return text

    def read_some(self, seconds):
        """Text until there has been some, and no more came for a moment."""
        text, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            more = self.read()
            if text and not more:
                break
            text += more
            time.sleep(0.02)
        return text
