#!/bin/sh
# Every dump of the corpus with every folder of tables, through the machine file and back.
FACTS_ALL=1 exec build/probe/test_facts
