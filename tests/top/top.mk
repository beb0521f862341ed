# The tool that shows the counters page.
TESTS += tests/top/test_top.py
