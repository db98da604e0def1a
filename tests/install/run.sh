#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh SOURCE BUILD WORK CMAKE CC - installs the built tree below WORK and uses it as a stranger would: through CMake and
# through pkg-config, shared and static, from C and from C++, after the tree has been moved. Then checks the headers and
# what the library exports. The first fault ends it with status 1.
set -euo pipefail

source=$1 build=$2 work=$3 cmake=$4 CC=$5
here=$source/tests/install
case ${CC##*/} in
    clang*) CXX=${CC/clang/clang++} ;;
    gcc*) CXX=${CC/%gcc/g++} ;;
    *) CXX=c++ ;;
esac
command -v "$CXX" > /dev/null || CXX=c++
export CC CXX

fail() {
    printf 'FAILED: %s\n' "$1"
    exit 1
}

install_tree() {
    rm -rf "$work"
    mkdir -p "$work"
    "$cmake" --install "$build" --prefix "$work/first" > "$work/install.log"
    mv "$work/first" "$work/tree"
    tree=$work/tree
    library_file=$(find "$tree" -name libfilch.so)
    libdir=${library_file%/*}
    [[ -f $libdir/libfilch.a ]] || fail "no static library in $libdir"
    [[ -n $(find "$tree" -path "*/gdb/auto-load/*/libfilch.so.*-gdb.py") ]] || fail "no commands for gdb in $tree"
    PKG_CONFIG_PATH=$libdir/pkgconfig
    export PKG_CONFIG_PATH
    version=$(pkg-config --modversion filch)
    ! grep -rlF "$work" "$tree" --include='*.cmake' --include='*.pc' || fail "an installed file names the place of installation"
}

# Runs each program of a directory that the foreign project has made, and compares what it prints.
run_programs() {
    local directory=$1 program
    shift
    for program in "$@"; do
        [[ $(LD_LIBRARY_PATH=$libdir "$directory/$program") == "$version 385" ]] || fail "$directory/$program printed something else"
        if [[ $program == static* ]]; then
            ! needs_library "$directory/$program" || fail "$directory/$program is linked with the shared library"
        else
            needs_library "$directory/$program" || fail "$directory/$program is not linked with libfilch.so.${version%%.*}"
        fi
        printf 'ok: %s\n' "${directory##*/}/$program"
    done
}

needs_library() {
    readelf -d "$1" | grep -q "NEEDED.*\[libfilch\.so\.${version%%.*}\]"
}

use_cmake_package() {
    local shared=$work/cmake static=$work/cmake_static
    "$cmake" -S "$here/cmake" -B "$shared" -DCMAKE_PREFIX_PATH="$tree" > "$shared.log"
    "$cmake" --build "$shared" >> "$shared.log"
    run_programs "$shared" default_c default_cpp shared_c shared_cpp static_c static_cpp

    "$cmake" -S "$here/cmake" -B "$static" -DCMAKE_PREFIX_PATH="$tree" -DBUILD_SHARED_LIBS=OFF > "$static.log"
    "$cmake" --build "$static" --target default_c >> "$static.log"
    ! needs_library "$static/default_c" || fail "BUILD_SHARED_LIBS=OFF is not heeded by filch::filch"
    printf 'ok: %s\n' "BUILD_SHARED_LIBS=OFF"
}

use_pkg_config() {
    mkdir -p "$work/make"
    make -C "$work/make" -f "$here/make/Makefile" > "$work/make.log"
    run_programs "$work/make" shared_c shared_cpp static_c static_cpp
}

# Each public header alone, in both languages.
check_headers() {
    local header flags=(-Wall -Wextra -pedantic -Werror -fsyntax-only "-I$tree/include")
    for header in "$tree"/include/filch/*.h "$tree"/include/filch/detail/*.h; do
        "$CC" -std=c11 "${flags[@]}" -include "$header" -x c - <<< 'extern int none;' || fail "$header as C11"
        "$CXX" -std=c++17 "${flags[@]}" -include "$header" -x c++ - <<< 'extern int none;' || fail "$header as C++17"
        printf 'ok: %s alone\n' "${header##*/}"
    done
}

# The shared library exports what the headers declare as FILCH_API, all of it and nothing else.
check_exports() {
    local declared exported
    declared=$(sed -n 's/^FILCH_API[^(]*[ *]\(filch_[a-z0-9_]*\)(.*/\1/p' \
        "$tree"/include/filch/*.h "$tree"/include/filch/detail/*.h | sort -u)
    exported=$(nm -D --defined-only "$libdir/libfilch.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
    [[ -n $declared ]] || fail "no declaration found in the headers"
    diff <(printf '%s\n' "$declared") <(printf '%s\n' "$exported") || fail "declared (<) and exported (>) differ"
    readelf -d "$libdir/libfilch.so" | grep -q "SONAME.*\[libfilch\.so\.${version%%.*}\]" || fail "SONAME"
    [[ $(readlink -f "$libdir/libfilch.so") == *"/libfilch.so.$version" ]] || fail "the library's file name"
    printf 'ok: %d exported names\n' "$(wc -l <<< "$exported")"
}

# filch-report finds its modules and what its page is made of.
check_report() {
    if ! command -v python3 > /dev/null; then
        printf 'no python3: filch-report is not tried\n'
        return
    fi
    printf '{"traceEvents":[],"filch":{"log":[]}}' > "$work/empty.json"
    (cd / && "$tree/bin/filch-report" --html "$work/report.html" "$work/empty.json" > "$work/report.txt") || fail "filch-report"
    grep -q 'No task ran' "$work/report.txt" || fail "filch-report printed something else"
    grep -q '</html>' "$work/report.html" || fail "filch-report made no page"
    printf 'ok: filch-report\n'
}

install_tree
use_cmake_package
use_pkg_config
check_headers
check_exports
check_report
