#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# layers.sh [TOP] - checks each #include under runtime/ and include/filch/ against TOP/tests/layers.txt, whose head states
# the rules. Prints every fault; exit status 1 when there was one.
set -euo pipefail
shopt -s nullglob globstar

cd "${1:-$(dirname "$0")/..}"
declare -A layer_of module_of
faults=0

fault() {
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# Fills layer_of and module_of; a line's number serves as its module's name.
read_layers() {
    local line=0 layer patterns pattern file
    while read -r layer patterns; do
        line=$((line + 1))
        [[ $layer == '' || $layer == \#* ]] && continue
        for pattern in $patterns; do
            # shellcheck disable=SC2206 # the pattern is meant to expand
            local files=($pattern)
            [[ ${#files[@]} -gt 0 && -e ${files[0]} ]] || fault "tests/layers.txt:$line: $pattern names no file"
            for file in "${files[@]}"; do
                [[ -z ${layer_of[$file]:-} ]] || fault "tests/layers.txt:$line: $file stands in two lines"
                layer_of[$file]=$layer
                module_of[$file]=$line
            done
        done
    done < tests/layers.txt
}

# The file that `#include "name"` in $1 means, looked for as the compiler does: beside it, in runtime/, in include/.
resolve() {
    local directory
    for directory in "$(dirname "$1")" runtime include; do
        if [[ -e $directory/$2 ]]; then
            realpath --relative-to=. "$directory/$2"
            return
        fi
    done
}

check_include() {
    local from=$1 where=$2 name=$3 quoted=$4 to
    to=$(resolve "$from" "$name")
    if [[ -z $to ]]; then
        [[ $quoted == '<' ]] || fault "$where: \"$name\" is not there"
    elif [[ -z ${layer_of[$to]:-} ]]; then
        fault "$where: $to is in no layer"
    elif [[ ${layer_of[$to]} == public || ${module_of[$to]} == "${module_of[$from]}" ]]; then
        return
    elif [[ ${layer_of[$from]} == public ]]; then
        [[ $to == include/filch/* ]] || fault "$where: a public header includes $to"
    elif ((layer_of[$to] >= layer_of[$from])); then
        fault "$where: layer ${layer_of[$from]} includes $to of layer ${layer_of[$to]}"
    fi
}

check_file() {
    local file=$1 number text
    if [[ -z ${layer_of[$file]:-} ]]; then
        fault "$file: stands in no line of tests/layers.txt"
        return
    fi
    while IFS=: read -r number text; do
        [[ $text =~ ^[[:space:]]*\#[[:space:]]*include[[:space:]]*([\"\<])([^\"\>]+) ]] || continue
        check_include "$file" "$file:$number" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
    done < <(grep -n 'include' "$file" || true)
}

read_layers
files=(runtime/**/*.[chS] include/filch/**/*.h)
[[ ${#files[@]} -gt 0 ]] || fault "no files under runtime/ and include/filch/"
for file in "${files[@]}"; do
    check_file "$file"
done
printf '%d files, %d faults\n' "${#files[@]}" "$faults"
[[ $faults -eq 0 ]]
