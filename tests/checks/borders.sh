#!/usr/bin/env bash
# Checks who depends on whom: the relay cannot read because it does not link what reads, and the cores link nothing of the world.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/checks/env.sh

wrong=0

main() {
    never alliance-sync-server normal automerge alliance-core alliance-cli chacha20poly1305 hpke
    never alliance-cli normal,build alliance-sync-server
    never alliance-replica normal,build automerge rusqlite chacha20poly1305 hpke tokio alliance-core
    never alliance-core normal,build tokio axum clap alliance-cli alliance-sync-server
    for crate in alliance-replica alliance-core alliance-sync-server alliance-cli; do
        never "$crate" normal,build,dev alliance-tests
    done
    # Randomness is handed in: neither core asks the system for it.
    directly_never alliance-replica getrandom rand
    directly_never alliance-core getrandom rand
    only_in core/src/store rusqlite
    [ "$wrong" -eq 0 ]
}

complain() {
    wrong=1
    printf '%s\n' "$@"
}

# never CRATE KINDS NAME…: the tree of CRATE over dependencies of these kinds names none of the others.
never() { check "$1" "$2" 1000 "anywhere" "${@:3}"; }

# directly_never CRATE NAME…: CRATE itself asks for none of them.
directly_never() { check "$1" normal,build 1 "directly" "${@:2}"; }

check() {
    local crate=$1 kinds=$2 depth=$3 how=$4 tree name
    tree=$(cargo tree --locked -e "$kinds" -p "$crate" --depth "$depth" --prefix none --format '{p}' | cut -d ' ' -f 1 | sort -u)
    for name in "${@:5}"; do
        if grep -q -x -e "$name" <<<"$tree"; then
            complain "$crate must not depend on $name ($how): cargo tree -e $kinds -p $crate -i $name"
        fi
    done
}

# only_in FOLDER NAME: of alliance-core, only this module uses the crate.
only_in() {
    if git grep --untracked -nE "\b$2::" -- core/src ":!$1.rs" ":!$1/*"; then
        complain "the lines above use $2 outside of $1"
    fi
}

main
