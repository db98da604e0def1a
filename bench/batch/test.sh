#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test.sh BATCH CASE - one test of the batch job; exits with 77 where the machine does not allow it.
#
# Nothing here depends on timing: where a job must be under way when something happens to it, it is kept busy by a
# sparse file that would take an hour (the "blocker"), and its own progress line says that it has begun.
set -uo pipefail

batch=$1
work=$(mktemp -d)
trap 'chmod -R u+rwX "$work" 2> /dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() {
    printf 'FAILED: %s\n' "$*"
    for file in out err; do
        [[ -e $file ]] && { printf -- '--- %s\n' "$file"; head -c 4000 "$file"; }
    done
    exit 1
}

skip() {
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

# run STATUS ARGUMENTS...: the program must exit so; its output is in out and err.
run() {
    local want=$1 got=0
    shift
    "${wrapper[@]}" "$batch" "$@" > out 2> err || got=$?
    [[ $got -eq $want ]] || fail "status $got, not $want: batch $*"
}
wrapper=(env)

# start ARGUMENTS...: in the background, with SIGINT as an interactive shell has it; pid is set.
start() {
    : > out
    : > err # now, since the job's own redirection may come after wait_for has looked
    env --default-signal=INT "$batch" "$@" > out 2> err &
    pid=$!
}

# ended STATUS: wait for it.
ended() {
    local got=0
    wait "$pid" || got=$?
    [[ $got -eq $1 ]] || fail "status $got, not $1"
}

# wait_for PATTERN: until a progress line says so. CTest's time-out is the limit.
wait_for() {
    until grep -q -- "$1" err; do
        kill -0 "$pid" 2> /dev/null || fail "it ended before it said '$1'"
        sleep 0.05
    done
}

# check EXPRESSION...: each a Python expression over j, the parsed summary in the file json.
check() {
    python3 - "$@" << 'PYTHON' || fail "the summary is not as it must be"
import json, sys
with open("json", encoding="utf-8") as file:
    j = json.load(file)
def failed(error, stage=None):
    return sum(f["error"] == error and (stage is None or f["stage"] == stage) for f in j["failed"])
wrong = [expression for expression in sys.argv[1:] if not eval(expression)]
print("\n".join("does not hold: " + expression for expression in wrong), end="")
sys.exit(bool(wrong))
PYTHON
}
nothing_lost='j["found"] == j["files"] + j["failed_files"] + j["not_processed"]'

says() {
    grep -qF -- "$2" "$1" || fail "'$2' is not in $1"
}

# The systems that were built in: --help lists all, and refuses to go with the others. These three always are.
systems=()
for system in $("$batch" --help | sed -n 's/^  *\([a-z]*\)  *[^ ].*/\1/p'); do
    "$batch" --system "$system" --help > out 2>&1 && systems+=("$system")
done
[[ ${systems[*]} == "filch serial textbook"* ]] || fail "not the systems that are to be there: ${systems[*]}"

make_tree() {
    mkdir -p tree/sub/deeper tree/empty_directory
    seq 1000 > tree/numbers
    seq 200000 > tree/sub/more
    : > tree/sub/empty
    head -c 1048576 /dev/zero > tree/one_chunk
    head -c 1048577 /dev/zero > tree/one_chunk_and_a_byte
    head -c 3145728 /dev/zero > tree/sub/deeper/three_chunks
    ln -s numbers tree/link
    ln -s nowhere tree/dangling
    ln -s sub tree/link_to_directory
    mkfifo tree/pipe
}

make_blocker() {
    truncate -s 1T "$1" || skip "no sparse files here"
}

# The hashes are XXH3_128bits of no bytes, and of so many zero bytes, as libxxhash computes them in one call.
case_counts() {
    make_tree
    run 0 --json json --manifest manifest tree
    check "j['files'] == j['found'] == 6" "j['errors'] == 0" "j['skipped'] == 4" "j['not_processed'] == 0" \
        "j['bytes'] == $(find tree -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')" \
        "0 < j['compressed_bytes'] < j['bytes']" "j['seconds'] > 0" "j['walk_complete']" "$nothing_lost"
    local hash
    while read -r hash name; do
        grep -q "^done	$hash	.*/$name\$" manifest || fail "the hash of $name: $(grep "/$name\$" manifest)"
    done << 'HASHES'
99aa06d3014798d86001c324468d497f empty
b6ef17a3448492b6918780b90550bf34 one_chunk
2efe05ef2a9effe8328774f648f97d4c one_chunk_and_a_byte
5c88e21b630ed3530a39e93b412201bd three_chunks
HASHES
    [[ $(wc -l < manifest) -eq 6 ]] || fail "six lines in the manifest"
    says out 'slowest files'
    mkdir none
    run 0 --json json none
    check "j['files'] == j['found'] == j['errors'] == 0"
    run 0 --json json tree/numbers tree/sub
    check "j['files'] == 4"
}

case_names() {
    mkdir tree
    local names=(' ' 'two words' $'new\nline' $'tab\t' $'escape\e[31m' 'quote"' "it's" 'back\slash' '-dash' 'ümlaut'
        $'\xff\xfe' $'half\xc3' $'\xed\xa0\x80' $'\xf0\x9f\x98\x80' '%s%n' '$(id)')
    local name
    for name in "${names[@]}"; do
        printf 'content' > "tree/$name"
    done
    # The same names where there is nothing: all of them fail, and are listed.
    run 1 --keep-going --json json --manifest manifest tree "${names[@]/#/missing/}"
    check "j['files'] == j['errors'] == ${#names[@]}" "failed('No such file or directory', 'stat') == j['errors']"
    [[ $(wc -l < manifest) -eq $((2 * ${#names[@]})) ]] || fail "a line per file in the manifest"
    ! LC_ALL=C grep -q $'\e' out err manifest || fail "a terminal escape was printed"
    says err 'missing/\xff\xfe: stat: No such file'
    says err 'missing/new\nline: stat'
    says err 'missing/ümlaut: stat'
    python3 - "${names[@]}" << 'PYTHON' || fail "the names do not come back from the JSON"
import json, os, sys
failed = json.load(open("json", encoding="utf-8"))["failed"]
found = {bytes.fromhex(f["path_hex"]) if "path_hex" in f else f["path"].encode() for f in failed}
sys.exit(found != {b"missing/" + os.fsencode(name) for name in sys.argv[1:]})
PYTHON
}

case_json() {
    make_tree
    run 0 --json - tree
    mv out json
    python3 -m json.tool json > /dev/null || fail "json is not valid"
    check "{'files', 'bytes', 'errors', 'seconds', 'mb_per_second', 'slowest', 'causes', 'failed'} <= set(j)" \
        "len(j['slowest']) == 5" "j['system'] == 'filch'" "j['failed'] == j['causes'] == []"
    says err 'files found'
    run 1 --json /nonexistent/directory/file tree
    says err '/nonexistent/directory/file: No such file or directory'
    if [[ -c /dev/full ]]; then
        run 1 --json /dev/full tree
        says err '/dev/full: '
    fi
}

case_systems() {
    make_tree
    for i in $(seq 300); do
        seq "$i" > "tree/sub/$i"
    done
    run 1 --system serial --keep-going --manifest - tree missing /proc/self/mem
    LC_ALL=C sort out > serial
    [[ $(grep -c '^done' serial) -eq 306 && $(grep -c '^failed' serial) -eq 2 ]] || fail "serial counts wrongly"
    local limit
    for system in "${systems[@]}"; do
        for limit in 1 2 9; do
            run 1 --system "$system" -j "$limit" --keep-going --manifest - tree missing /proc/self/mem
            LC_ALL=C sort out | cmp -s - serial || fail "$system at $limit differs from serial"
        done
    done
}

case_unreadable() {
    make_tree
    mkdir tree/locked_directory
    seq 10 > tree/locked_directory/inside
    seq 10 > tree/locked
    chmod 000 tree/locked tree/locked_directory
    # Root reads everything, unless it lays that power down.
    if [[ -r tree/locked ]]; then
        wrapper=(setpriv --bounding-set=-dac_override,-dac_read_search)
        "${wrapper[@]}" test ! -r tree/locked 2> /dev/null || skip "setpriv cannot take that power away"
    fi
    for system in "${systems[@]}"; do
        run 1 --system "$system" --keep-going --json json tree
        check "j['files'] == 6" "j['failed_files'] == 1" "j['failed_directories'] == 1" "j['errors'] == 2" \
            "failed('Permission denied', 'open') == 1" "failed('Permission denied', 'read directory') == 1" \
            "j['causes'][0]['errno'] == 13" "$nothing_lost"
        says err 'tree/locked: open: Permission denied'
        says err 'tree/locked_directory: read directory: Permission denied'
        says out 'errors by cause'
    done
}

# Errors that root has too: reading the memory at address 0, a path that is too long to open, no descriptor left.
case_errors() {
    python3 - << 'PYTHON' > too_long
import os
path, too_long = "deep", 0
os.mkdir(path)
os.chdir(path)
for level in range(30):
    open("file", "w").close()
    too_long += len(path + "/file") >= 4096
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    path += "/" + "d" * 200
print(too_long)
PYTHON
    run 1 --keep-going --json json deep /proc/self/mem
    check "failed('File name too long', 'open') == $(< too_long) > 0" "failed('Input/output error', 'read') == 1" \
        "j['errors'] == $(< too_long) + 1" "j['files'] == 30 - $(< too_long)" "$nothing_lost"
    mkdir -p "many/$(seq -s / 100)"
    touch "many/$(seq -s / 100)/file"
    (
        ulimit -n 60
        run 1 --keep-going --json json many
    ) || exit 1
    check "failed('Too many open files', 'read directory') == 1" "j['errors'] == 1" "j['files'] == 0" "$nothing_lost"
}

# What disappears, shrinks or turns into something else between being found and being read.
case_vanishing() {
    make_blocker blocker
    mkdir tree
    local i
    for i in $(seq 10); do
        seq "$i" > "tree/$i"
    done
    start --keep-going -j 1 --json json blocker tree
    wait_for ' of 11 files'
    says err ' 0 of 11 files'
    rm tree/[1-7]
    mkfifo tree/5
    ln -s 8 tree/6
    mkdir tree/7
    truncate -s 0 blocker
    ended 1
    check "failed('No such file or directory', 'open') == 4" "failed('No longer a regular file', 'open') == 2" \
        "failed('Too many levels of symbolic links', 'open') == 1" "j['errors'] == 7" "j['files'] == 4" \
        "j['changed'] == 1" "$nothing_lost"
    says out 'changed in length while they were read'
}

# A file that grows while it is read is done up to the size that it had. It is grown while the program stands still.
case_growing() {
    local size=$((512 * 1024 * 1024)) attempt
    for attempt in $(seq 20); do
        truncate -s 0 file
        truncate -s "$size" file
        start --quiet --json json file
        until ls -l "/proc/$pid/fd" 2> /dev/null | grep -q "$work/file\$"; do
            kill -0 "$pid" 2> /dev/null || break
        done
        kill -STOP "$pid" 2> /dev/null
        if ls -l "/proc/$pid/fd" 2> /dev/null | grep -q "$work/file\$"; then
            truncate -s +1M file
            kill -CONT "$pid"
            ended 0
            check "j['files'] == 1" "j['changed'] == 1" "j['bytes'] == $size" "j['errors'] == 0"
            return
        fi
        kill -CONT "$pid" 2> /dev/null
        wait "$pid"
    done
    fail "in $attempt attempts the file was never caught while it was open"
}

case_fail_fast() {
    make_tree
    make_blocker blocker
    for system in "${systems[@]}"; do
        # The error is met by the walk, then by a job.
        run 1 --system "$system" -j 2 --json json missing blocker tree
        check "j['stopped_by_error']" "not j['interrupted']" "j['errors'] == 1" "j['bytes'] < 1 << 40" "$nothing_lost"
        says err 'missing: stat: No such file or directory'
        says out 'stopped by the first error: missing: stat: No such file or directory'
        run 1 --system "$system" -j 2 --json json /proc/self/mem blocker tree
        check "j['stopped_by_error']" "failed('Input/output error', 'read') == 1" "$nothing_lost"
        says out 'stopped by the first error: /proc/self/mem: read: Input/output error'
    done
    run 1 --keep-going --json json missing tree /proc/self/mem
    check "j['files'] == 6" "j['errors'] == 2" "j['not_processed'] == 0" "not j['stopped_by_error']"
}

case_interrupt() {
    make_tree
    make_blocker blocker
    for system in "${systems[@]}"; do
        start --system "$system" -j 2 --json json --manifest manifest tree blocker
        wait_for ' files, '
        kill -INT "$pid"
        ended 130
        check "j['interrupted']" "j['errors'] == 0" "j['not_processed'] >= 1" "$nothing_lost"
        says out 'interrupted (Interrupt): this is a part'
        says manifest 'not processed'
        [[ $(wc -l < manifest) -eq $(python3 -c 'import json; print(json.load(open("json"))["found"])') ]] ||
            fail "$system: a line per file in the manifest"
    done
}

case_terminate() {
    make_blocker blocker
    start --json json blocker
    wait_for ' files, '
    kill -TERM "$pid"
    ended 143
    check "j['interrupted']" "$nothing_lost"
    # An interrupt that was ignored from the start, as nohup and scripts do, stays so.
    : > err
    env --ignore-signal=INT "$batch" blocker > out 2> err &
    pid=$!
    wait_for ' files, '
    kill -INT "$pid"
    kill -TERM "$pid"
    ended 143
    says out 'interrupted (Terminated)'
    # The second one ends it at once: both are there when it goes on.
    start blocker
    wait_for ' files, '
    kill -STOP "$pid"
    kill -INT "$pid"
    kill -TERM "$pid"
    kill -CONT "$pid"
    ended 143
    [[ ! -s out ]] || fail "a summary after the second signal"
}

case_usage() {
    local wrong
    mkdir tree
    for wrong in '' '--nonsense tree' '-j 0 tree' '-j x tree' '-j 4097 tree' '-j' '--level 1000 tree' \
        '--rounds 0 tree' '--seconds x tree' '--system nonsense tree' '--json - --manifest - tree' \
        '--fault nonsense tree' '--fault lock --compare tree'; do
        # shellcheck disable=SC2086
        run 2 $wrong
        says err 'batch'
        [[ ! -s out ]] || fail "batch $wrong printed to standard output"
    done
    run 0 --help
    says out 'usage: batch'
    run 0 --version
    says out 'batch of filch '
}

# Lines where there is no terminal, a bar where there is one; Ctrl-C typed there ends it with the partial summary.
case_progress() {
    make_blocker blocker
    start blocker
    wait_for '^batch: 0 of 1 files, .* of 1\.10 TB, .*/s, ETA '
    kill -INT "$pid"
    ended 130
    ! grep -q $'\r' err || fail "a bar where there is no terminal"
    seq 10 > file
    run 0 --quiet file
    [[ ! -s err ]] || fail "--quiet is not quiet"
    python3 - "$batch" << 'PYTHON' || fail "the bar"
import os, pty, re, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [sys.argv[1], "blocker"])
seen, typed = b"", False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not typed and re.search(rb"\r\x1b\[K(\[[=>-]+\] +\d+%  )?0 of 1 files  .*ETA", seen):
        os.write(terminal, b"\x03")
        typed = True
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(seen[-2000:], status)
sys.exit(not (typed and status == 130 and b"interrupted (Interrupt)" in seen))
PYTHON
}

case_compare() {
    make_tree
    run 0 --compare --rounds 3 --seconds 60 --json json tree missing
    check "j['files'] == 6" "j['errors'] == 1" "j['systems'][0]['name'] == 'filch'" \
        "[s['name'] for s in j['systems']] == '${systems[*]}'.split()" \
        "all(s['matches_serial'] and len(s['samples']) == j['rounds'] >= 1 for s in j['systems'])" \
        "all(t['seconds'] > 0 and t['peak_bytes'] > 0 for s in j['systems'] for t in s['samples'])"
    says out 'as serial'
    says err 'missing: stat: No such file or directory'
    mkdir none
    run 1 --compare none
    says err 'no files to compare on'
    # A file that is another one since serial made the reference: the difference must be seen. It is changed while the
    # program stands still between two rounds, or within one.
    local attempt
    for attempt in $(seq 20); do
        start --compare --rounds 20 --seconds 60 --json json tree
        wait_for 'round 1 of 20'
        kill -STOP "$pid"
        printf 'another line %s\n' "$attempt" >> tree/numbers
        kill -CONT "$pid"
        wait "$pid" && continue # it had ended before
        says out 'WRONG'
        says err 'differs from serial: tree/numbers'
        check "not all(s['matches_serial'] for s in j['systems'])"
        return
    done
    fail "in $attempt attempts the program was never caught"
}

case ${2:-} in
    counts | names | json | systems | unreadable | errors | vanishing | growing | fail_fast | interrupt | terminate | \
        usage | progress | compare)
        "case_$2"
        ;;
    *)
        fail "usage: test.sh BATCH CASE"
        ;;
esac
