#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BUILD [EMULATOR] - runs the example on a copy of this directory: all of it, nothing, what one file concerns, a
# step that fails, a cycle.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/*.c "$here"/*.h "$work"

# expect STATUS DESCRIPTION: the last run's output is what stands on standard input.
expect() {
    status=0
    $emulator "$build" "$2" "$work" > "$work/got" 2> "$work/errors" || status=$?
    cat > "$work/wanted"
    if [ "$status" != "$1" ] || ! diff "$work/wanted" "$work/got"; then
        echo "ended with $status, not $1" && cat "$work/errors"
        exit 1
    fi
}
build=$1
emulator=${2:-}

expect 0 "$here/build.txt" << END
ran          numbers.o
ran          words.o
ran          main.o
ran          program
ran          output.txt
ran          checksum.txt
6 of 6 steps ran, 0 failed, 0 not reached
END
printf '55 odd\n89 odd\n144 even\n' | cmp - "$work/output.txt"

expect 0 "$here/build.txt" << END
nothing to do
END

# The clock of a file system may be coarse.
touch -d '1 second' "$work/words.c"
expect 0 "$here/build.txt" << END
ran          words.o
ran          program
ran          output.txt
ran          checksum.txt
4 of 6 steps ran, 0 failed, 0 not reached
END

echo 'this is no C' > "$work/numbers.c"
touch -d '1 hour' "$work/numbers.c"
touch -d '2 hours ago' "$work/words.c"
expect 1 "$here/build.txt" << END
failed       numbers.o
not reached  program
not reached  output.txt
ran          checksum.txt
1 of 6 steps ran, 1 failed, 2 not reached
END
[ ! -e "$work/numbers.o" ]

printf 'a: b\nb: c\nc: a d\nd:\n    touch d\n' > "$work/cycle.txt"
expect 2 "$work/cycle.txt" < /dev/null
grep -q 'a target needs itself: a -> c -> b -> a' "$work/errors"
[ ! -e "$work/d" ]
echo "built, rebuilt, stopped and refused as it should be"
