#!/usr/bin/env bash
# Proves that the core crates' bans are in force: a copy of each crate calls what is banned, and clippy has to object to every
# call. (Clippy reads a crate's own clippy.toml only, so a missing file or a misspelt path would go unnoticed.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/checks/env.sh

# One call a kind: clock, environment, files, network, programs, randomness, printing.
calls=(
    'std::time::SystemTime::now()'
    'std::time::Instant::now()'
    'std::env::var("HOME")'
    'std::fs::read("file")'
    'std::fs::File::open("file")'
    'std::net::TcpStream::connect("host:1")'
    'std::net::UdpSocket::bind("host:1")'
    'std::process::Command::new("program")'
    'std::collections::hash_map::RandomState::new()'
    'println!()'
)
crates=(core/replica core)

target=$(target_dir)
copy=$target/bite
rm -rf "$copy"
mkdir -p "$copy"
tree_files '*.rs' '*.toml' '*.sql' Cargo.lock | tar -c -T - | tar -x -C "$copy"

# The others stay as names only: the whole workspace is asked, so that dependencies are those of step clippy, built already.
find "$copy" -name '*.rs' -not -path "$copy/core/*" | while IFS= read -r file; do
    echo 'fn main() {}' >"$file"
done

for crate in "${crates[@]}"; do
    {
        printf '\n/// Calls what is banned.\npub fn bite() {\n'
        printf '    let _ = %s;\n' "${calls[@]}"
        printf '}\n'
    } >>"$copy/$crate/src/lib.rs"
done

said=$(cd "$copy" && CARGO_TARGET_DIR=$target cargo clippy --offline --locked --workspace --all-targets \
    --message-format short -- --cap-lints warn 2>&1) || {
    printf '%s\n' "$said"
    echo "the copy in $copy cannot be checked"
    exit 1
}

wrong=0
for crate in "${crates[@]}"; do
    for call in "${calls[@]}"; do
        line=$(grep -nF "    let _ = $call;" "$copy/$crate/src/lib.rs" | tail -n 1 | cut -d : -f 1)
        if ! grep -qE "^$crate/src/lib.rs:$line:.*(disallowed|use of .println!)" <<<"$said"; then
            echo "$crate: clippy does not object to $call"
            wrong=1
        fi
    done
done
[ "$wrong" -eq 0 ]
