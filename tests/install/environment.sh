#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# environment.sh SOURCE LIBRARY WORK CMAKE CC - builds the library below WORK with FILCH_ENVIRONMENT=OFF: it then knows no
# variable by which a program is watched, and has no socket. LIBRARY, of the ordinary build, has both. The first fault ends
# it with status 1.
set -euo pipefail

source=$1 library=$2 work=$3 cmake=$4 CC=$5

fail() {
    printf 'FAILED: %s\n' "$1"
    exit 1
}

has_variable() {
    readelf -p .rodata "$1" | grep -F "$2" > /dev/null
}

has_sockets() {
    nm -D --undefined-only "$1" | grep -E ' (socket|accept4)(@|$)' > /dev/null
}

rm -rf "$work"
"$cmake" -S "$source" -B "$work" -G Ninja -DCMAKE_C_COMPILER="$CC" -DCMAKE_BUILD_TYPE=Debug -DFILCH_ENVIRONMENT=OFF \
    -DFILCH_TESTS=OFF -DFILCH_BENCH=OFF -DFILCH_TOOLS=OFF > /dev/null
"$cmake" --build "$work" --target filch > "$work/build.log" || fail "it does not build, see $work/build.log"
without=$work/runtime/libfilch.so

variables=(FILCH_LIVE FILCH_TRACE_LAST) # FILCH_TRACE is in a message as well
for variable in "${variables[@]}"; do
    has_variable "$library" "$variable" || fail "$library does not know $variable"
    ! has_variable "$without" "$variable" || fail "$variable is known in spite of FILCH_ENVIRONMENT=OFF"
    printf 'ok: %s\n' "$variable"
done
has_sockets "$library" || fail "$library has no sockets"
! has_sockets "$without" || fail "there are sockets in spite of FILCH_ENVIRONMENT=OFF"
printf 'ok: sockets\n'
