#!/usr/bin/env bash
# Installs what the gate needs and the machine lacks: Debian packages, Rust, two cargo tools. Says so where it cannot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/checks/env.sh

nextest=0.9.143
deny=0.20.2
rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

main() {
    packages
    rust
    components
    tool cargo-nextest "$nextest"
    tool cargo-deny "$deny"
    rustc --version && cargo nextest --version | head -n 1 && cargo deny --version
}

works() { "$@" >/dev/null 2>&1; }

give_up() {
    printf 'tests/run: %s\n' "$@" >&2
    exit 1
}

packages() {
    local missing=()
    # The bundled SQLite and zstd are C.
    works cc -E -include stdio.h -x c /dev/null || missing+=(gcc libc6-dev)
    works git --version || missing+=(git)
    works python3 --version || missing+=(python3)
    ! works apt-get --version || [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    # Its package starts a server: nothing to bring onto a person's computer for the sake of one test.
    if [ -n "${CI:-}" ] && works apt-get --version && ! works env PATH="$PATH:/usr/sbin" nginx -v; then
        missing+=(nginx-light)
    fi
    [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
}

apt_install() {
    local as_root=()
    if ! works apt-get --version; then
        give_up "missing: $*" "This is no Debian; install them with your system's package manager and start again."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        works sudo -n true || give_up "missing: $*" "Install them with: sudo apt-get install $*"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

rust() {
    if ! works cargo --version; then
        works rustup --version || install_rustup
        # Exactly the oldest Rust that is promised: newer ones may know more lints.
        if ! works rustup toolchain install "$rust" --profile minimal --component clippy --component rustfmt; then
            give_up "Rust $rust cannot be fetched from here; install it in another way (https://rustup.rs) and start again."
        fi
        rustup default "$rust"
    fi
    local found
    found=$(rustc --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$rust" "${found%%-*}" | sort -V | head -n 1)" != "$rust" ]; then
        give_up "Rust $rust or newer is needed, here is $found." "With rustup: rustup toolchain install $rust && rustup default $rust"
    fi
}

# Debian has rustup from release 13 on; elsewhere it comes from its own site.
install_rustup() {
    if works apt-cache show rustup; then
        apt_install rustup
    else
        works curl --version || apt_install curl
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path --default-toolchain none ||
            give_up "Neither cargo nor rustup is here, and rustup cannot be fetched; install Rust $rust and start again."
        echo "Rust is in ${CARGO_HOME:-$HOME/.cargo}/bin; put that on your PATH to call cargo yourself."
    fi
}

components() {
    works cargo fmt --version && works cargo clippy --version && return
    works rustup component add clippy rustfmt ||
        give_up "rustfmt or clippy is missing." "With rustup: rustup component add clippy rustfmt. On Debian: apt-get install rustfmt rust-clippy"
}

tool() {
    works "$1" --version && return
    echo "$1 is not here; building it takes some minutes"
    env -u CARGO_TARGET_DIR cargo install --locked --quiet "$1@$2" ||
        give_up "$1 cannot be installed; when there is a network: cargo install --locked $1@$2"
}

main
