TESTS += tests/tables/corpus.py
