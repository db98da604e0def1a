#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# failfast.sh PROGRAM - the outcomes of failfast.c: success, a file that fails, one that takes too long, Ctrl-C. The pipe
# is silent for as long as this script holds it open, so the order of events is the same however slow the machine is.
set -euo pipefail

program=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
printf 'plain\n' > plain
printf 'd\xc3\xa9j\xc3\xa0 vu, \xe2\x82\xac 5, \xf0\x9f\x90\x88\n' > accents
printf 'caf\xe9\n' > latin1
mkfifo silent
exec 9<> silent

# expect STATUS TEXT COMMAND...
expect() {
    local status=0 wanted=$1 text=$2
    shift 2
    "$@" > out 2>&1 || status=$?
    if [[ $status -ne $wanted ]] || ! grep -qF "$text" out; then
        echo "$*: exit status $status instead of $wanted, or not '$text':"
        cat out
        exit 1
    fi
}

interrupt() {
    local status=0
    mkfifo lines
    "$program" plain silent > lines 2>&1 &
    exec 8< lines
    read -r -u 8 # "checking": the scope is open, and the handler is in its place
    kill -INT $!
    cat <&8
    exec 8<&-
    wait $! || status=$?
    return $status
}

expect 0 '2 right, 0 stopped: Success' "$program" plain accents
expect 1 'check latin1: Invalid or incomplete multibyte or wide character' "$program" silent latin1
expect 1 '0 right, 1 stopped: Invalid or incomplete multibyte or wide character' "$program" silent latin1
expect 1 'check missing: No such file or directory' "$program" missing
expect 1 'check silent: Connection timed out' "$program" -t 0.05 silent
expect 130 'stopped: interrupted' interrupt
echo 'success, failure, time-out and interrupt: as they should be'
