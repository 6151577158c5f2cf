#!/usr/bin/env bash
# Checks the tree itself: file sizes, words that must not stay, lints in every crate, named dependencies, data as published.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/checks/env.sh

limit=500
exceptions=tests/checks/long-files
wrong=0

main() {
    sizes
    words
    lints
    dependencies
    data
    [ "$wrong" -eq 0 ]
}

complain() {
    wrong=1
    printf '%s\n' "$@"
}

# Rust files stay below the limit; the few that do not are listed with a reason, and leave the list when they shrink.
sizes() {
    local file lines reason
    while IFS= read -r file; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt "$limit" ] && ! grep -q "^$file " "$exceptions"; then
            complain "$file: $lines lines, more than $limit: one idea a file (or give a reason in $exceptions)"
        fi
    done < <(tree_files '*.rs')
    while read -r file reason; do
        case $file in '' | '#'*) continue ;; esac
        if [ ! -f "$file" ] || [ "$(wc -l <"$file")" -le "$limit" ]; then
            complain "$exceptions: $file is not over $limit lines any more"
        elif [ -z "$reason" ]; then
            complain "$exceptions: $file needs a reason"
        fi
    done <"$exceptions"
}

# Paths of one machine, marks of unfinished work, tests that are switched off.
words() {
    local pattern='(^|[^A-Za-z0-9_.-])/(w[o]rk|r[o]ot)/|\b(T[O]DO|FI[X]ME|X[X]X)\b|\bunimplemente[d]!|#\[ignor[e]|^<<<<<<[<] '
    if git grep --untracked -nIE "$pattern" -- ':!Cargo.lock' ':!*/vendor/*'; then
        complain "the lines above must go: a machine's path, unfinished work, or a test that is switched off"
    fi
}

# A crate that does not ask for the workspace's lints has none.
lints() {
    local manifest
    while IFS= read -r manifest; do
        grep -A1 -x '\[lints\]' "$manifest" | grep -q -x 'workspace = true' ||
            complain "$manifest: [lints] workspace = true is missing"
    done < <(tree_files '*/Cargo.toml')
}

# docs/dependencies.md says of each direct dependency why it is here, and names none that is gone.
dependencies() {
    local page=docs/dependencies.md
    local used named
    used=$(awk '/^\[/ { on = $0 == "[workspace.dependencies]" } on && /^[a-z]/ && !/path = / { print $1 }' Cargo.toml | sort)
    # shellcheck disable=SC2016 # the backticks are Markdown's
    named=$(sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$page" | sort)
    while IFS= read -r line; do
        complain "$page and Cargo.toml differ: $line"
    done < <(diff <(echo "$used") <(echo "$named") | sed -n 's/^< \(.*\)/\1 has no row/p; s/^> \(.*\)/\1 is no dependency any more/p')
}

# Data made by others is exactly what they published.
data() {
    (cd tests/data && sha256sum --check --strict --quiet SHA256SUMS) || complain "tests/data is not what was published"
}

main
