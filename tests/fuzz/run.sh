#!/bin/bash
# run.sh SECONDS TARGET...: each fuzz target for that long, corpus kept in build/corpus. TAP out.
set -u
seconds=$1 n=0 bad=0
shift
for t in "$@"; do
	name=$(basename "$t") corpus=build/corpus/$(basename "$t")
	mkdir -p "$corpus"
	n=$((n + 1))
	if "$t" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="$corpus.crash-" "$corpus" >"$corpus.log" 2>&1; then
		echo "ok $n - $name: $(grep -o 'stat::number_of_executed_units: .*' "$corpus.log" | grep -o '[0-9]*$') inputs in $seconds s, no finding"
	else
		echo "not ok $n - $name: see $corpus.log"
		tail -n 30 "$corpus.log"
		bad=1
	fi
done
echo "1..$n"
exit $bad
