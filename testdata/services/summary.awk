# Reads the output of `go test -v` and prints what a person needs of it: go test's
# closing lines, all that a failed package said, and every skipped test with its
# reason. A skipped test is a failure where this runs, because there nothing is missing.
BEGIN { failed = count = lines = 0 }

{ said[++lines] = $0 }
/^=== RUN/ { reason = "" }
/^ +[^ ]+\.go:[0-9]+: / { reason = $0; sub(/^ +/, "", reason) }
/^ *--- SKIP: / { skips[++count] = $3 ": " reason; reason = "" }

/^(ok|FAIL|\?)[ \t]+[^ \t]+\// { closing($1, $2) }

function closing(word, package) {
	if (word == "FAIL")
		for (i = 1; i < lines; i++) if (said[i] !~ /^ *(=== |--- PASS)/) print said[i]
	print said[lines]
	for (i = 1; i <= count; i++) { print "SKIP\t" package "\t" skips[i]; failed++ }
	count = lines = 0
	fflush()
}

END {
	for (i = 1; i <= lines; i++) if (said[i] != "FAIL") print said[i]
	if (failed) { print failed " skipped: start what these tests need, or take them out"; exit 1 }
}
