# Runs test suites two at a time and prints the seconds each took: run.sh BUILD [SUITE ...], where a suite is
# a name such as unit/dec. A suite that fails shows its output. Ends with "N passed, N failed, N skipped".
build=$1
shift
export QUANTA_BUILD="$build"
logs="$build/tests/logs"
rm -rf "$logs"
mkdir -p "$logs"
if [ $# -gt 0 ]; then list="$*"; else list=$(cd tests && ls fault/*.c screen/*.c tier/*.c service/*.c unit/*.c 2>/dev/null | sed 's/\.c$//'); fi
one() {
    log="$logs/$(echo "$1" | tr / -).log"
    start=$(date +%s.%N)
    timeout 1500 "$build/tests/$1" > "$log" 2>&1
    rc=$?
    printf '%s %s %.1f\n' "$rc" "$1" "$(echo "$(date +%s.%N) $start" | awk '{print $1 - $2}')" > "$log.end"
    if [ $rc -eq 0 ]; then printf '%-28s %6.1f s\n' "$1" "$(awk '{print $3}' "$log.end")"
    else printf '%-28s FAILED (%s)\n' "$1" "$rc"; cat "$log"; fi
}
for suite in $list; do
    while [ "$(jobs -r | wc -l)" -ge 2 ]; do wait -n 2>/dev/null || true; done
    one "$suite" &
done
wait
total() { cat "$logs"/*.log | sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test(s).*/\1/p" | awk '{n += $1} END {print n + 0}'; }
passed=$(total PASSED)
failed=$(total FAILED)
skipped=$(total SKIPPED)
bad=0
for end in "$logs"/*.end; do [ "$(awk '{print $1}' "$end")" = 0 ] || bad=$((bad + 1)); done
[ "$bad" -gt 0 ] && [ "$failed" -eq 0 ] && failed=$bad
grep -h '^skipped:' "$logs"/*.log | sort | uniq -c
echo "$passed passed, $failed failed, $skipped skipped"
[ "$bad" -eq 0 ]
