#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# layers_faults.sh - shows that layers.sh passes a sound tree and finds each kind of fault in an unsound one.
set -euo pipefail

check=$(cd "$(dirname "$0")" && pwd)/layers.sh
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir -p "$top"/{runtime,tests,include/filch/detail}
cd "$top"

cat > tests/layers.txt <<'LIST'
public include/filch/*.h
0 runtime/low.h
0 include/filch/detail/atomic.h
1 runtime/middle.h runtime/middle.c
1 runtime/beside.h
2 runtime/high.h
LIST
touch include/filch/{api,detail/atomic}.h runtime/{low,middle,beside,high}.h
printf '#include "api.h"\n#include "detail/atomic.h"\n' > include/filch/more.h
printf '#include "middle.h"\n#include "low.h"\n#include <filch/api.h>\n#include <stdio.h>\n' > runtime/middle.c
"$check" "$top" || { echo "a sound tree was refused"; exit 1; }

# expect_fault TEXT FILE LINE: with LINE added to FILE the check fails and says TEXT; the file is put back afterwards.
expect_fault() {
    local text=$1 file=$2 line=$3 output=
    cp "$file" saved 2>/dev/null || rm -f saved
    printf '%s\n' "$line" >> "$file"
    if output=$("$check" "$top") || [[ $output != *"$text"* ]]; then
        printf 'not found: %s\n%s\n' "$text" "$output"
        exit 1
    fi
    if [[ -e saved ]]; then mv saved "$file"; else rm "$file"; fi
}

expect_fault 'layer 1 includes runtime/high.h of layer 2' runtime/middle.c '#include "high.h"'
expect_fault 'layer 1 includes runtime/beside.h of layer 1' runtime/middle.c '#  include <beside.h>'
expect_fault 'a public header includes runtime/low.h' include/filch/api.h '#include "../../runtime/low.h"'
expect_fault '"gone.h" is not there' runtime/middle.c '#include "gone.h"'
expect_fault 'runtime/new.c: stands in no line' runtime/new.c ''
expect_fault 'runtime/low.h stands in two lines' tests/layers.txt '2 runtime/low.h'
expect_fault 'runtime/gone.c names no file' tests/layers.txt '2 runtime/gone.c'
echo "7 kinds of fault found"
