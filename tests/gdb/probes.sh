#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# probes.sh LIBRARY YARD - the probes that docs/attach.md promises are in LIBRARY, with so many arguments, and each is a NOP. A
# debugger can stop YARD (yard.c, which has the static library in it) at one and read its arguments, if there is a gdb.
set -euo pipefail

library=$1 yard=$2
docs=$(dirname "$0")/../../docs
failures=0

fail() {
    printf '%s\n' "$*"
    failures=$((failures + 1))
}

# A line for each place of a probe: name, address, number of arguments.
places=$(readelf -nW "$library" | awk '
    /Provider:/ { mine = $NF == "filch" }
    mine && $1 == "Name:" { name = $2 }
    mine && $1 == "Location:" { sub(",", "", $2); address = $2 }
    mine && $1 == "Arguments:" { print name, address, gsub("@", "") }')
found=$(awk '{ print $1, $3 }' <<< "$places" | sort -u)
promised=$(sed -n '/^| probe | arguments/,/^$/p' "$docs/attach.md" |
    awk -F '|' 'NR > 2 && NF { gsub(/[` ]/, "", $2); print $2, split($3, arguments, ",") }' | sort)
[[ $(wc -l <<< "$promised") -eq 9 ]] || fail "docs/attach.md names other probes than the nine: $promised"
[[ $found == "$promised" ]] || fail "probes and numbers of their arguments: promised $promised; found $found"

# bpftrace is rarely there, and needs root; but the scripts for it name probes that are.
used=$(grep -oh 'usdt::filch:[a-z]*' "$docs"/examples/bpftrace/*.bt | sort -u | cut -d: -f4)
while read -r name; do
    grep -q "^$name " <<< "$promised" || fail "a script for bpftrace uses a probe $name"
done <<< "$used"

while read -r name address _; do
    code=$(objdump -d --start-address="$address" --stop-address="$((address + 4))" "$library" |
        grep -m 1 -P '^ +[0-9a-f]+:\t') || true
    [[ $code =~ [[:space:]]nop ]] || fail "$name is not a NOP: $code"
done <<< "$places"

stopped=$(gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break -probe-stap filch:start' -ex run \
    -ex 'print $_probe_argc' -ex 'print (void *)$_probe_arg2' "$yard" 2>&1) || true
if grep -Eq 'hit Breakpoint 1' <<< "$stopped"; then
    [[ $stopped =~ '= 4'.*'<'(keep_watch|nap|fell_tree)'>' ]] || fail "gdb, where the first task starts: $stopped"
else
    printf 'not tried with gdb: %s\n' "$stopped"
fi
[[ $failures -eq 0 ]]
