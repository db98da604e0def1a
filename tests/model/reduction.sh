#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# reduction.sh MODELS - the search with sleep sets finds the same outcomes as the search without, within the same bounds.
set -euo pipefail

models=${1:?usage: reduction.sh MODELS}

# outcomes OPTIONS...: name and outcomes of each model
outcomes() {
    "$models" "$@" 'litmus_*_sc' litmus_corr litmus_mp_release 'counted_*' |
        sed -n 's/^\([a-z0-9_]*\) .* all seen .*, \([0-9]* outcomes.*\)/\1 \2/p'
}

for bound in 1 2 any; do
    with=$(outcomes --preemptions "$bound" --seconds 1000)
    if [[ $bound == any ]]; then
        # Without reduction and without a bound some take hours: three preemptions must be enough to see all outcomes.
        without=$(outcomes --preemptions 3 --no-reduction --seconds 1000)
    else
        without=$(outcomes --preemptions "$bound" --no-reduction --seconds 1000)
    fi
    if [[ -z $with || $with != "$without" ]]; then
        printf 'preemptions %s, with reduction:\n%s\nwithout:\n%s\n' "$bound" "$with" "$without"
        exit 1
    fi
    printf 'preemptions %s: %d models, the same outcomes\n' "$bound" "$(wc -l <<< "$with")"
done
