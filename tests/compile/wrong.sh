#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# wrong.sh SOURCE CC [CXX] - each program in wrong/ must fail to compile, and the compiler must name the line that is marked
# in it: in the error itself, or in the note that says where the macro was used. What these programs share must compile
# without a warning. C programs are tried as C++ as well, but for those that C++ allows.
set -euo pipefail

source=$1 CC=$2 CXX=${3:-}
here=$source/tests/compile/wrong
flags=("-I$source/include" -Wall -Wextra -Wshadow -pedantic-errors -fsyntax-only)
c_flags=(-std=c11 -Werror=implicit-function-declaration)
allowed_in_cxx=(defined_otherwise.c) # an overload
faults=0

check_control() {
    "$@" -Werror -Wconversion "${flags[@]}" "$here/tasks.h" || {
        printf 'FAILED: %s: tasks.h does not compile\n' "$*"
        exit 1
    }
}

# check COMPILER... FILE
check() {
    local file=${*: -1} output line
    line=$(grep -n '/\* wrong \*/' "$file" | cut -d: -f1)
    if output=$("${@:1:$#-1}" "${flags[@]}" "$file" 2>&1); then
        printf 'FAILED: it compiles: %s\n' "$*"
    elif ! grep -q "^$file:$line:" <<< "$output"; then
        printf 'FAILED: line %d is not named: %s\n%s\n' "$line" "$*" "$output"
    else
        printf 'ok: %s\n' "${*##*/}"
        return
    fi
    faults=$((faults + 1))
}

check_control "$CC" "${c_flags[@]}" -x c
for file in "$here"/*.c; do
    check "$CC" "${c_flags[@]}" "$file"
done
if [[ -n $CXX ]]; then
    check_control "$CXX" -std=c++17 -x c++
    for file in "$here"/*.c "$here"/*.cpp; do
        [[ " ${allowed_in_cxx[*]} " == *" ${file##*/} "* ]] || check "$CXX" -std=c++17 -x c++ "$file"
    done
fi
[[ $faults == 0 ]]
