#!/bin/sh
# Runs every fuzz target of the module for an equal share of the given seconds
# (default 180) and fails when one finds something. Targets are found, not listed.
set -eu
total=${1:-180}
go=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out" "$out.targets"' EXIT
grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
	sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\).*|$(dirname "$file") \1|p" "$file"
done | sort >"$out.targets"
count=$(wc -l <"$out.targets")
[ "$count" -gt 0 ] || { echo "no fuzz targets found" >&2; exit 1; }
share=$((total / count))
[ "$share" -ge 1 ] || share=1
echo "$count fuzz targets, $share s each"
while read -r dir name; do
	echo "fuzz $dir $name"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "${share}s" -fuzzminimizetime 10x "$dir" >"$out" 2>&1 && continue
	# go test also fails when its time ends while a slow input runs. That is no
	# finding: one names its input, or panics.
	if grep -q '^ *context deadline exceeded$' "$out" && ! grep -Eq 'input|seed corpus|panic|_test\.go:' "$out"; then
		continue
	fi
	cat "$out"
	exit 1
done <"$out.targets"
