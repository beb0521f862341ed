TESTS += tests/tables/corpus.py

# Arrays in allocations of their own size, so that a look behind one is seen.
$B/unit/test_table_edges: UNIT_LINK := -Wl,--wrap=table_take
