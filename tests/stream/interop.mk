# Peers of other makes, and people at keyboards.
TESTS += tests/stream/test_keyboard.py
PACKAGES += novnc x11-xkb-utils
