#!/bin/sh
# The limits on what mapping, unmapping and re-routing may cost.
exec tests/bench/iommu.py --check
