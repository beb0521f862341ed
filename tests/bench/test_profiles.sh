#!/bin/sh
# Checking a site costs as much for each workstation in large sites as in small ones.
exec tests/bench/profiles.py --check
