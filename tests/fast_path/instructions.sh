#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# instructions.sh OBJDUMP OBJECT - looks for instructions in the tasks of an object file that a spawn and a sync must do
# without: locked ones, exchanges with memory, fences. Prints what it finds; exit status 1 when there is something.
# Stores that release (stlr) and loads that acquire (ldar) are plain instructions and pass.
set -euo pipefail

objdump=$1 object=$2
x86='\block\b|\b[lms]fence\b|\bxchg[bwlq]?\b.*\(|\bcpuid\b'
arm='\b(dmb|dsb|isb)\b|\b(ldx|ldax|stx|stlx)[rp][bh]?\b|\b(cas|swp|ldadd|ldset|ldclr|ldeor)(a|l|al)?[bh]?\b'

code=$("$objdump" -d --no-show-raw-insn "$object")
case $(sed -n 's/.*file format //p' <<< "$code") in
    *x86-64*) forbidden=$x86 ;;
    *aarch64*) forbidden=$arm ;;
    *)
        echo "$object: of an architecture whose fences are not known here"
        exit 1
        ;;
esac

# The functions that hold the tasks, as lines `function: instruction`; a compiler may have split or renamed them.
tasks=$(awk '/^[0-9a-f]+ <.*>:$/ { name = $2 } /^ / && name ~ /__filch_|kernel_/ { $1 = name; print }' <<< "$code")
count=$(grep -c . <<< "$tasks" || true)
for task in fib spread; do
    if ! grep -q "^<${task}__filch_body" <<< "$tasks"; then
        echo "$object: the task $task is not there"
        exit 1
    fi
done
if grep -E "$forbidden" <<< "$tasks"; then
    echo "$object: on the fast path"
    exit 1
fi
echo "$object: $count instructions, none of them locked, none a fence"
