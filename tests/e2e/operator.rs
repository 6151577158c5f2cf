//! What an operator types: the configuration, spaces, copies, checks, and the package.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use alliance_tests::{
    disk::{full, read_only, run, wrapped},
    program::{Ran, RelayProgram, programs, until},
    town::Town,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::disks::long;

fn relay(arguments: &[&str]) -> Output {
    let mut command = Command::new(programs().join("alliance-relay"));
    for name in ["CONFIG", "DATA", "LISTEN", "LOG"] {
        command.env_remove(format!("ALLIANCE_RELAY_{name}"));
    }
    command.args(arguments).output().expect("runs")
}

/// What a command says that has to succeed.
fn ok(arguments: &[&str]) -> String {
    let output = relay(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a command says that has to fail, with a hint.
fn refused(arguments: &[&str]) -> String {
    let output = relay(arguments);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}: {said}");
    assert!(said.contains("\nhint: "), "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name that is text")
}

/// The relay's spaces: name and entries.
fn spaces(data: &str) -> Vec<(String, u64)> {
    let all: Value = serde_json::from_str(&ok(&["spaces", "list", "--json", "--data", data])).expect("JSON");
    let row =
        |row: &Value| (row["space"].as_str().expect("a name").to_owned(), row["entries"].as_u64().expect("a count"));
    all.as_array().expect("a list").iter().map(row).collect()
}

#[test]
fn a_file_is_tried_without_starting_and_its_errors_name_the_place() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("relay.toml");
    let file = text(&file);
    fs::write(file, "listen = \"localhost:0\"\ndata = \"d\"\n[quota]\ncontent_bytes = 3000000\n").expect("writes");
    let said = ok(&["check-config", "--config", file]);
    assert!(said.contains("http://127.0.0.1:0") && said.contains("3000000 bytes a space"), "{said}");
    assert!(ok(&["check-config", "--config", file, "--data", "elsewhere"]).contains("data        elsewhere"));
    fs::write(file, "data = \"d\"\nlisten = \"relay.example:1\"\n").expect("writes");
    let said = refused(&["check-config", "--config", file]);
    assert!(said.contains("relay.toml, line 2, listen: an address is a number"), "{said}");
    assert!(refused(&["check-config"]).contains("no data folder is named"));
    assert!(refused(&["check-config", "--config", "/nowhere/relay.toml"]).contains("cannot read the file"));
    fs::write(file, "data = \"d\"\ntrusted_proxies = [\"0.0.0.0/0\"]\nadmission = { mode = \"list\", spaces = [] }\n")
        .expect("writes");
    let said = ok(&["check-config", "--config", file]);
    for worry in ["warning     the list of admission is empty", "warning     trusted_proxies names every address"] {
        assert!(said.contains(worry), "{worry}: {said}");
    }
    let token = format!("data = \"d\"\nadmission = {{ mode = \"token\", tokens = [\"{}\"] }}\n", "0".repeat(64));
    for (more, is_warned) in [
        ("listen = \"192.0.2.1:8787\"\n", true),
        ("listen = \"127.0.0.1:8787\"\n", false),
        ("listen = \"192.0.2.1:8787\"\ntrusted_proxies = [\"192.0.2.2\"]\n", false),
    ] {
        fs::write(file, format!("{more}{token}")).expect("writes");
        let said = ok(&["check-config", "--config", file]);
        assert_eq!(
            said.contains("warning     people's programs show a token over TLS only"),
            is_warned,
            "{more}: {said}"
        );
    }
}

#[test]
fn a_folder_in_which_nothing_can_be_made_is_found_without_starting() {
    let folder = TempDir::new().expect("a folder");
    for data in [folder.path().to_owned(), folder.path().join("new/data")] {
        let mut command = Command::new(programs().join("alliance-relay"));
        command.args(["check-config", "--data", text(&data)]);
        let Some(command) = read_only(&command, folder.path()) else {
            println!("skipped: this computer lets nobody make a folder read-only");
            return;
        };
        let ran = run(command);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(ran.stderr.contains("Read-only file system") && ran.stderr.contains("findmnt"), "{ran}");
    }
}

#[test]
fn the_sample_of_the_package_can_be_used_as_it_is() {
    let said = ok(&["check-config", "--config", text(&packaging().join("relay.toml"))]);
    assert!(said.contains("/var/lib/alliance-relay"), "{said}");
}

#[test]
fn spaces_are_listed_and_bounded_beside_a_running_relay_and_dropped_when_it_has_stopped() {
    let mut town = Town::together();
    let logs = town.relay().logs();
    assert!(!logs.contains("brought back"), "{logs}");
    let data = town.data();
    let data = text(&data);
    let before = spaces(data);
    assert!(before.iter().any(|(name, entries)| *name == town.space && *entries > 0), "{before:?}");
    let shown = ok(&["spaces", "show", &town.space[..9], "--data", data]);
    assert!(shown.contains(&town.space) && !shown.contains("Ben"), "{shown}");
    ok(&["spaces", "limit", &town.space, "3MiB", "--data", data]);
    assert!(ok(&["spaces", "show", &town.space, "--data", data]).contains("3145728 bytes"));
    let said = ok(&["spaces", "limit", &town.space, "none", "--data", data]);
    assert!(said.contains("from the next time that a device opens it"), "{said}");
    assert!(refused(&["spaces", "show", &"0".repeat(32), "--data", data]).contains("holds no space"));
    let asked = refused(&["spaces", "drop", &town.space[..9], "--data", data]);
    assert!(asked.contains(&town.space) && asked.contains("hint: say it again with --yes"), "{asked}");
    let drop = ["spaces", "drop", &town.space.clone(), "--yes", "--data", data];
    assert!(refused(&drop).contains("another relay uses the folder"));
    town.stop_relay();
    assert!(ok(&drop).contains("is dropped"));
    assert_eq!(spaces(data).len(), before.len() - 1);
    town.start_relay();
    town.meet();
    assert_eq!(spaces(data).len(), before.len(), "both still have everything, and bring it back");
    town.assert_equal();
}

#[test]
fn a_share_that_is_full_is_told_with_who_can_help_until_there_is_room() {
    let town = Town::together();
    let data = town.data();
    let limit = |bytes| ok(&["spaces", "limit", &town.space, bytes, "--data", text(&data)]);
    limit("2MiB");
    for n in 0..6 {
        let added = town.ben.start_with(&["note", "add", &format!("Long {n}"), "-m", "-"], &long()).end();
        assert_eq!(added.code, Some(0), "{added}");
    }
    let sync = || town.ben.run(&["sync", "--json"]);
    let sent = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).expect("JSON")["data"][0]["sent"].as_u64();
    assert!(sent(&sync()) > Some(0), "what found room is said to have gone");
    let ran = sync();
    assert_eq!((ran.code, sent(&ran)), (Some(1), Some(0)), "and what found none is not: {ran}");
    let shown: Value =
        serde_json::from_str(&ok(&["spaces", "show", &town.space, "--json", "--data", text(&data)])).expect("JSON");
    let shares: Vec<_> = [0, 1].map(|n| &shown["shares"][n]).to_vec();
    assert!(shares.iter().all(|share| share["room"] == 1_048_576), "{shown}");
    assert!(
        shares[0]["used"].as_u64() > Some(600_000) && shares[1]["used"].as_u64() < Some(10_000),
        "Ben's is full: {shown}"
    );
    let helps = "ask whoever runs the relay for more room";
    let [status, doctor] = [["status"], ["doctor"]].map(|command| town.ben.run(&command));
    assert!(status.stdout.contains(helps), "{status}");
    assert!(doctor.stdout.contains(helps) && doctor.code == Some(1), "{doctor}");
    // The relay runs on, and has the space in memory.
    limit("none");
    town.meet();
    let [status, doctor] = [["status"], ["doctor"]].map(|command| town.ben.run(&command));
    assert!(!status.stdout.contains("did not take"), "{status}");
    assert!(doctor.stderr.contains("All is well."), "{doctor}");
}

#[test]
fn a_copy_of_a_running_relay_is_whole_private_and_can_take_its_place() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut town = Town::together();
    town.ben.json(&["note", "add", "In the copy"]);
    town.meet();
    let folder = TempDir::new().expect("a folder");
    let (file, data) = (folder.path().join("copy.sqlite"), town.data());
    let backup = ["backup", text(&file), "--data", text(&data)];
    assert!(ok(&backup).contains("`alliance-relay check "));
    assert_eq!(file.metadata().expect("is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
    assert!(refused(&backup).contains("is there already"));
    assert!(ok(&["check", "--data", text(&data)]).contains("all is right"));
    assert!(ok(&["check", text(&file)]).contains("all is right"), "a copy needs no folder");
    town.kill_relay();
    fs::remove_dir_all(&data).expect("removed");
    fs::create_dir(&data).expect("made");
    fs::copy(&file, data.join("relay.sqlite")).expect("copied");
    town.start_relay();
    // It has the same key, so nobody is asked, and all that was acknowledged.
    town.anna.json(&["note", "add", "After it"]);
    town.meet();
    town.assert_equal();
    assert!(!town.ben.ok(&["security"]).contains("the relay had lost"));
}

#[test]
fn a_copy_that_finds_no_room_is_the_targets_fault_and_leaves_nothing() {
    let town = Town::together();
    town.ben.json(&["note", "add", "Long", "-m", &"0123456789abcdef".repeat(2_000)]);
    town.meet();
    let folder = TempDir::new().expect("a folder");
    let (file, data) = (folder.path().join("copy.sqlite"), town.data());
    let mut backup = Command::new(programs().join("alliance-relay"));
    backup.args(["backup", text(&file), "--data", text(&data)]);
    let said = run(full(&backup, 16 * 1024)).stderr;
    assert!(said.contains(&format!("cannot write {}: ", file.display())) && said.contains("\nhint: "), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn damage_is_found_and_a_copy_is_what_helps() {
    let mut town = Town::together();
    town.stop_relay();
    let data = town.data();
    let database = data.join("relay.sqlite");
    let raw = rusqlite::Connection::open(&database).expect("opens");
    raw.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE n = 2", []).expect("damages");
    drop(raw);
    let said = refused(&["check", "--data", text(&data)]);
    assert!(said.contains("body does not match its header") && said.contains("alliance-relay backup"), "{said}");
    fs::write(&database, vec![b'x'; 8192]).expect("writes");
    for words in [&["check"][..], &["spaces", "list"], &["--listen", "127.0.0.1:0"]] {
        let said = refused(&[words, &["--data", text(&data)]].concat());
        assert!(said.contains("restore a copy") && !said.contains("empty folder"), "{said}");
    }
    assert!(refused(&["check", "/nowhere.sqlite"]).contains("hint: name a file that `alliance-relay backup` wrote"));
    assert!(refused(&["spaces", "list", "--data", "/nowhere"]).contains("no relay's database"));
}

#[test]
fn a_database_that_lost_the_relays_key_is_not_given_a_new_one() {
    let mut town = Town::together();
    town.stop_relay();
    let data = town.data();
    let raw = rusqlite::Connection::open(data.join("relay.sqlite")).expect("opens");
    let keys = |raw: &rusqlite::Connection| {
        raw.query_row("SELECT count(*) FROM relay", [], |row| row.get::<_, u32>(0)).expect("counts")
    };
    let secret: Vec<u8> = raw.query_row("SELECT secret FROM relay", [], |row| row.get(0)).expect("a key");
    raw.execute("DELETE FROM relay", []).expect("loses it");
    let refused_to_start = RelayProgram::try_start(&data, "127.0.0.1:0").err().expect("no relay");
    assert_eq!(refused_to_start.code, Some(1));
    for word in ["holds entries but not the relay's key", "hint: ", "`alliance-relay check`", "restore a copy"] {
        assert!(refused_to_start.logs.contains(word), "{word}: {}", refused_to_start.logs);
    }
    assert_eq!(keys(&raw), 0, "nothing is written");
    let said = refused(&["check", "--data", text(&data)]);
    assert!(said.contains("the relay's key is missing") && said.contains("alliance-relay backup"), "{said}");
    raw.execute("INSERT INTO relay VALUES (1, ?1)", [&secret]).expect("restores");
    drop(raw);
    town.start_relay();
    town.meet();
}

#[test]
fn an_address_in_use_is_said_in_plain_words() {
    let folder = TempDir::new().expect("a folder");
    let first = RelayProgram::start(&folder.path().join("first"));
    let second = RelayProgram::try_start(&folder.path().join("second"), first.address()).err().expect("is taken");
    assert!(second.logs.contains("hint: another program listens there"), "{}", second.logs);
}

#[test]
fn too_few_files_are_told_at_the_start_and_when_there_are_no_more() {
    let folder = TempDir::new().expect("a folder");
    let command = RelayProgram::command(&folder.path().join("data"), "127.0.0.1:0");
    let relay = RelayProgram::try_run(wrapped(&command, &["sh", "-c", "ulimit -n 40; exec \"$@\"", "sh"]));
    let relay = relay.expect("it starts");
    let says = |word: &str| until(word, || relay.logs().contains(word).then_some(()));
    says("say `ulimit -n 4224` before the start");
    let mute: Vec<_> = (0..60).map(|_| TcpStream::connect(relay.address()).expect("waits")).collect();
    says("ERROR no connection can be taken reason=Too many open files");
    drop(mute);
    until("room again", || relay.health().starts_with("HTTP/1.1 200").then_some(()));
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

/// Nothing here builds the image; what its recipe names is looked up.
#[test]
fn the_recipe_of_the_image_names_only_what_there_is() {
    let [recipe, manifest] =
        ["Dockerfile", "../Cargo.toml"].map(|name| fs::read_to_string(packaging().join(name)).expect("is there"));
    let word = |line: &str, at: usize| line.split_whitespace().nth(at).unwrap_or_default().to_owned();
    let lines =
        |start: &str| recipe.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect::<Vec<_>>();
    let stages: Vec<_> = lines("FROM ").iter().map(|line| word(line, 3)).collect();
    assert_eq!(stages, ["build", ""]);
    let rust =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version").trim_matches('"');
    assert!(lines("FROM ")[0].contains(&format!("rust:{rust}-")), "{rust}: {recipe}");
    assert_eq!(
        lines("COPY "),
        ["COPY . .", "COPY --from=build /source/target/release/alliance-relay /usr/bin/alliance-relay"]
    );
    assert!(
        recipe.contains("WORKDIR /source\n")
            && recipe.contains("cargo build --release --locked --bin alliance-relay\n")
    );
    assert_eq!(lines("ENTRYPOINT "), ["ENTRYPOINT [\"/usr/bin/alliance-relay\"]"]);
    let help = ok(&["--help"]);
    for variable in lines("ENV ")[0].split_whitespace().skip(1).filter_map(|pair| pair.split('=').next()) {
        assert!(help.contains(variable), "{variable}");
    }
    let left_out = fs::read_to_string(packaging().join("Dockerfile.dockerignore")).expect("is there");
    assert_eq!(left_out.lines().collect::<Vec<_>>(), ["target", ".git"], "nothing that is built from is left out");
}

#[test]
fn the_debian_package_holds_what_it_should_and_its_program_runs() {
    let folder = TempDir::new().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("package");
    let built = Command::new(script).arg(folder.path()).env("ALLIANCE_BIN_DIR", programs()).output().expect("runs");
    let said = String::from_utf8_lossy(&built.stdout).into_owned() + &String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    assert!(said.contains("the package is right") || said.contains("skipped: dpkg-deb"), "{said}");
}
