#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# guide.sh ROOT COMPILER [FLAGS] - is docs/runspaces.md true? Its C blocks compile, one after the other in one file, and the
# examples and tests that its table names exist. A block that begins with a declaration stands as it is, any other in a
# function of its own. Messages point at the guide's lines.
set -euo pipefail

root=$1 guide=$1/docs/runspaces.md
shift
file=$(mktemp --suffix .c)
trap 'rm -f "$file"' EXIT

awk '
    /^```c$/ { inside = 1; first = 1; next }
    /^```$/ && inside { if (statements) print "return 0; }"; inside = 0; statements = 0; blocks++; next }
    inside && first {
        statements = !/^(#include|static |struct [a-z_]+ \{|enum \{|FILCH_TASK|[a-z]+ [a-z_]+\()/
        if (statements) printf "int block_%d(void); int block_%d(void) {\n", NR, NR
        printf "#line %d \"docs/runspaces.md\"\n", NR
        first = 0
    }
    inside { print }
    END { if (inside || blocks < 10) { print "#error \"blocks are missing\"" } }
' "$guide" > "$file"
"$@" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused -fsyntax-only "$file"

missing=0
check() {
    if ! "${@:2}"; then
        echo "docs/runspaces.md names $1, which does not exist" >&2
        missing=1
    fi
}
examples=$(grep '^|' "$guide" | grep -oE '\((examples|\.\.)/[^)]*\)' | tr -d '()' | sort -u)
tests=$(grep '^|' "$guide" | grep -o '`[a-z_]*/[a-z0-9_]*`' | tr -d '`' | sort -u)
for example in $examples; do
    check "$example" test -e "$root/docs/$example"
    [[ $example != examples/*.c ]] || check "a test of $example" \
        grep -qE "filch_example\($(basename "$example" .c) |NAME examples.$(basename "$example" .c)$" \
        "$root/docs/examples/CMakeLists.txt"
done
for test in $tests; do
    check "$test" grep -q "^Test(${test%/*}, ${test#*/}," -r "$root/tests" --include '*.c'
done
echo "$(grep -c '^```c$' "$guide") blocks compile; $(wc -w <<< "$examples") examples and $(wc -w <<< "$tests") tests exist"
exit $missing
