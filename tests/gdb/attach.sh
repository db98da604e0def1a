#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# attach.sh YARD SCRIPT - what gdb's commands (SCRIPT) tell of the program YARD (yard.c): while it runs, from a core file that
# gdb has written, from one of the kernel's. Exit status 77 where there is no gdb with Python, or it may trace nothing.
set -euo pipefail

yard=$1 script=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
export MALLOC_ARENA_MAX=1 # or core files have a hundred megabytes of arenas in them

debug() {
    gdb -nx -batch -ex 'set confirm off' -ex 'set debuginfod enabled off' -ex "source $script" "$@" 2>&1 || true # its status is the last command's
}

# expect FILE PATTERN...: extended regular expressions, each of which has to be found.
expect() {
    local file=$1 pattern
    shift
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$file" && continue
        printf '%s: nothing like: %s\n' "${file##*/}" "$pattern"
        failures=$((failures + 1))
    done
}

# follows FILE HEAD PATTERN...: the lines after the one that is like HEAD, in order, up to the next strand.
follows() {
    local file=$1 head=$2 pattern
    shift 2
    sed -En "/$head/,/^  strand|^pool/p" "$file" > "$work/part"
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$work/part" && continue
        printf '%s: nothing like: %s\n    after: %s\n' "${file##*/}" "$pattern" "$head"
        failures=$((failures + 1))
    done
}

# An expression: in a strand's innermost frame, are all registers what context.c says that the switch has saved?
saved_registers() {
    local frame='((struct frame *)$sp - 1)' pairs=()
    if [[ $(uname -m) == x86_64 ]]; then
        for name in r12 r13 r14 r15 rbx rbp; do pairs+=("\$$name == $frame->$name"); done
    else
        for i in {0..9}; do pairs+=("\$x$((i + 19)) == $frame->x19_x28[$i]"); done
        pairs+=("\$x29 == $frame->x29")
    fi
    printf '%s && ' "${pairs[@]}"
    printf '1\n'
}

look=(-ex 'filch pools' -ex 'filch workers' -ex 'filch strands' -ex 'filch tasks yard')
check() {
    local file=$1
    expect "$file" '^1  "yard"  0x[0-9a-f]+  open: 2 of 2 permits in use, 3 workers, 6 tasks wait, 3 queued, 1 held back$' \
        '^  worker [0-2], thread [0-9]+ \(LWP [0-9]+\): runs saw "leaf", strand [0-9]+; 0 queued; ' \
        '^  worker [0-2], thread [0-9]+ \(LWP [0-9]+\): runs saw "stone", strand [0-9]+; 0 queued; ' \
        '^  worker [0-2], .*: runs keep_watch, strand at 0x[0-9a-f]+ \(blocked, its permit serves others\); ' \
        '^  entry queue, normal priority: 3$' '^  held back: 1$' '^      nothing "paint", by predecessors: 1$'
    follows "$file" 'nap "after lunch" waits in filch_sleep_until$' '#.* filch_sleep_until \(' '#.* nap \('
    follows "$file" 'keep_watch waits in filch_wait for promise 0x[0-9a-f]+, on thread [0-9]+$' '#.* filch_wait \(' \
        '#.* keep_watch \('
    # What compilers leave of a call differs, what is known of a wait does not.
    follows "$file" 'enter_shed waits in filch_gate_enter for a permit of gate 0x[0-9a-f]+ \(0 of 0 held, 1 in line\)$' \
        '#.* (filch_gate_enter|enter_line) \(' '#.* enter_shed \('
    follows "$file" 'saw_branch waits in filch_wait for saw "leaf" \(on strand [0-9]+\)$' '#.* filch_wait \(' \
        '#.* saw_branch \('
    follows "$file" 'fell_tree waits in filch_wait_all for saw_branch \(on strand [0-9]+\)$' \
        '#.* filch_wait_all \(' '#.* fell_tree \('
    follows "$file" 'build_wall waits in filch_graph_run for graph 0x[0-9a-f]+ \(2 of 2 tasks have not ended\)$' \
        '#.* filch_graph_run \(' '#.* build_wall \('
    follows "$file" 'saw "leaf" runs, on thread [0-9]+$' '#.* saw \('
    if grep -Eq 'Traceback|Error' "$file"; then
        grep -E -A 5 'Traceback|Error' "$file"
        failures=$((failures + 1))
    fi
}

if ! debug -ex 'python print("python is", "there")' | grep -q 'python is there'; then
    echo "no gdb with Python"
    exit 77
fi
if ! debug -ex 'break everything_waits' -ex run "$yard" | grep -q 'hit Breakpoint 1'; then
    echo "gdb may not trace a program here"
    exit 77
fi

# Looked at while it runs; then it goes on and ends well.
debug -ex 'break everything_waits' -ex run "${look[@]}" -ex "filch core $work/gdb.core" -ex continue "$yard" > "$work/live"
check "$work/live"
expect "$work/live" 'exited normally'

# One strand, as if it were a thread; then the thread itself again; and what is said when nothing runs.
strand=$(sed -En 's/^  strand ([0-9]+): saw_branch waits .*/\1/p' "$work/live")
debug -ex 'filch pools' -ex "core-file $work/gdb.core" -ex "filch strand $strand" -ex 'backtrace' \
    -ex 'frame 1' -ex "print $(saved_registers)" -ex 'filch strand' -ex 'echo back:\n' -ex 'backtrace' \
    -ex 'filch workers nowhere' -ex 'filch strand 1000' "$yard" > "$work/strand"
expect "$work/strand" 'there is no process and no core file' '^#[0-9]+ .* filch_wait \(' '^#[0-9]+ .* saw_branch \(' \
    '^#1 .* (filch__strand_switch|filch__worker_switch) \(' '^.1 = 1$' 'no open pool is called nowhere' \
    'no strand with a task has the number 1000'
sed -n '/^back:/,$p' "$work/strand" > "$work/back"
expect "$work/back" '^#0  everything_waits \(' '^#1  .* in main '

debug "${look[@]}" -c "$work/gdb.core" "$yard" > "$work/core"
check "$work/core"

# The kernel's own, where it puts one into the program's directory, and may.
if [[ $(cat /proc/sys/kernel/core_pattern) =~ ^[A-Za-z.]+$ ]]; then
    mkdir "$work/dumped"
    (cd "$work/dumped" && ulimit -c unlimited && "$yard" abort || true) > /dev/null 2>&1
    kernel=$(find "$work/dumped" -type f | head -n 1)
    if [[ -n $kernel ]]; then
        debug "${look[@]}" -c "$kernel" "$yard" > "$work/kernel"
        check "$work/kernel"
    fi
fi

if [[ $failures -gt 0 ]]; then
    tail -n 200 "$work"/{live,strand,core}
    exit 1
fi
