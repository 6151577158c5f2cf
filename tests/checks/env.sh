# shellcheck shell=bash
# What the scripts of tests/ have in common. Sourced, with the repository's root as the working directory.

exec </dev/null
export LC_ALL=C.UTF-8 TZ=UTC

# A checkout may belong to another user than the one who runs the gate (containers).
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$PWD"

case ":$PATH:" in
*":${CARGO_HOME:-$HOME/.cargo}/bin:"*) ;;
*) export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH" ;;
esac
if [ "${CI:-}" = true ]; then
    export CARGO_INCREMENTAL=0
fi

# No test reaches the profiles of whoever runs it: this folder cannot be made, so a test that sets no home fails.
export ALLIANCE_HOME=/dev/null/alliance
unset ALLIANCE_NOW ALLIANCE_TZ

# Snapshots are reviewed by people, never written by the gate; random tests repeat.
export INSTA_UPDATE=no PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}"

# The folder that cargo builds into.
target_dir() {
    cargo metadata --no-deps --offline --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# Files of the tree: known to git or about to be.
tree_files() {
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}
