# Documents: their links, what they name, their spelling.
PACKAGES += codespell openssl file
TESTS_ALL += tests/docs/test_docs.py tests/docs/test_install.py tests/docs/test_commands.py
