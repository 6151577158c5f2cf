//! Relays behind TLS, relays that ask for a token, and people who move from one relay to another.

use std::{fs, process::Command};

use alliance_tests::{
    program::{Person, RelayProgram, programs},
    proxy::{Authority, Certificate, Proxy},
    seen::{column, titles},
    town::Town,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::outages::dense;

fn relays(person: &Person) -> Vec<String> {
    column(&person.json(&["relay"]), "id")
}

/// Another relay in a folder of its own.
fn another() -> (TempDir, RelayProgram) {
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let relay = RelayProgram::start(&folder.path().join("data"));
    (folder, relay)
}

#[test]
fn a_relay_behind_tls_is_reached_once_its_authority_is_trusted() {
    let town = Town::new();
    let authority = Authority::new();
    let proxy = Proxy::start(town.relay().address(), authority.sign("localhost", 2999));
    let url = proxy.url();
    let root = town.ben.beside("root.pem");
    fs::write(&root, authority.pem()).expect("written");
    let root = root.to_str().expect("text");
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &url]);
    let refused = town.ben.refused(&["sync"]);
    assert_eq!((refused.exit, refused.code.as_str()), (7, "relay_untrusted"));
    assert!(refused.message.contains("signed by nobody whom this computer knows"), "{refused:?}");
    assert!(refused.hint.contains("--root"), "{refused:?}");
    town.ben.json(&["relay", "set", &url, "--root", root]);
    let invitation = town.ben.json(&["invite"])["invitation"].as_str().expect("a word").to_owned();
    town.sync(&[&town.ben]);
    let join = ["join", &invitation, "--name", "Anna", "--role", "client"];
    assert_eq!(town.anna.refused(&join).code, "relay_untrusted");
    assert_eq!(town.anna.json(&[&join[..], &["--root", root]].concat())["synced"], true);
    town.anna.json(&["note", "add", "Over TLS"]);
    town.meet();
    assert_eq!(titles(&town.ben), ["Over TLS"]);
}

#[test]
fn a_relays_own_certificate_is_trusted_once_it_is_named_and_only_for_its_name() {
    let town = Town::new();
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    let root = town.ben.beside("own.pem");
    let root = root.to_str().expect("text");
    let start = |name| {
        let certificate = Certificate::of_its_own(name);
        fs::write(root, certificate.pem().0).expect("written");
        Proxy::start(town.relay().address(), certificate)
    };
    let elsewhere = start("relay.example");
    town.ben.json(&["relay", "set", &elsewhere.url(), "--root", root]);
    assert!(town.ben.refused(&["sync"]).message.contains("it is for another address"));
    let proxy = start("localhost");
    town.ben.json(&["relay", "set", &proxy.url()]);
    let refused = town.ben.refused(&["sync"]);
    assert!(refused.message.contains("signed by nobody whom this computer knows"), "{refused:?}");
    assert!(refused.hint.contains("--root"), "{refused:?}");
    town.ben.json(&["relay", "set", &proxy.url(), "--root", root]);
    town.sync(&[&town.ben]);
}

#[test]
fn a_certificate_for_another_name_or_one_that_ran_out_is_refused_with_the_reason() {
    let town = Town::new();
    let authority = Authority::new();
    let root = town.ben.beside("root.pem");
    fs::write(&root, authority.pem()).expect("written");
    let root = root.to_str().expect("text");
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    for (name, until, reason) in
        [("relay.example", 2999, "it is for another address"), ("localhost", 2021, "it has run out")]
    {
        let proxy = Proxy::start(town.relay().address(), authority.sign(name, until));
        town.ben.json(&["relay", "set", &proxy.url(), "--root", root]);
        let refused = town.ben.refused(&["sync"]);
        assert_eq!((refused.exit, refused.code.as_str()), (7, "relay_untrusted"), "{refused:?}");
        assert!(refused.message.contains(reason), "{refused:?}");
    }
    let nothing = town.ben.beside("nothing.pem");
    fs::write(&nothing, "no certificate").expect("written");
    let nothing = nothing.to_str().expect("text");
    assert_eq!(town.ben.refused(&["relay", "set", "https://relay.example", "--root", nothing]).code, "root");
}

#[test]
fn an_address_with_the_wrong_scheme_is_told_with_the_right_one() {
    let town = Town::new();
    let proxy = Proxy::start(town.relay().address(), Authority::new().sign("localhost", 2999));
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    let [in_the_clear, over_tls] = [proxy.url().replace("https:", "http:"), town.url().replace("http:", "https:")];
    for (wrong, what, right) in
        [(in_the_clear, "speaks TLS only", proxy.url()), (over_tls, "does not speak TLS", town.url())]
    {
        town.ben.json(&["relay", "set", &wrong]);
        let refused = town.ben.refused(&["sync"]);
        assert_eq!((refused.exit, refused.code.as_str()), (7, "not_a_relay"), "{refused:?}");
        let said = format!("what answers at {wrong} {what}; its address is probably {right}");
        assert!(refused.message.starts_with(&said), "{refused:?}");
        assert!(refused.hint.contains("`alliance relay set <url>`"), "{refused:?}");
    }
    for (typed, meant) in
        [("wss://relay.example", "https://relay.example"), ("localhost:8787", "http://localhost:8787")]
    {
        let run = town.ben.run(&["relay", "set", typed]);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(&format!("begins with https:// or http://, for instance {meant}")), "{run}");
    }
}

#[test]
fn both_people_end_on_another_relay_after_one_command_of_one_of_them() {
    let mut town = Town::together();
    town.anna.json(&["note", "add", "Waits at Anna's"]);
    town.ben.json(&["note", "add", "Mine alone", "--private"]);
    let (_folder, other) = another();
    town.ben.json(&["relay", "set", &other.url()]);
    town.ben.json(&["note", "add", "Written while moving"]);
    town.sync(&[&town.ben]);
    assert_eq!(relays(&town.ben), [other.url()]);
    town.sync(&[&town.anna]);
    assert_eq!(relays(&town.anna), [other.url()], "Anna follows by herself, with all her spaces");
    for person in [&town.ben, &town.anna] {
        assert!(!person.ok(&["security"]).contains("had lost"), "the new relay never had what it was brought");
    }
    town.kill_relay();
    town.sync(&[&town.ben]);
    assert_eq!(titles(&town.ben), ["Mine alone", "Waits at Anna's", "Written while moving"]);
    town.anna.json(&["note", "add", "On the new one"]);
    town.meet();
    assert!(titles(&town.ben).contains(&"On the new one".to_owned()));
    assert_eq!(titles(&town.anna), ["On the new one", "Waits at Anna's", "Written while moving"]);
    for status in town.anna.json(&["status"]).as_array().expect("a list") {
        assert_eq!((&status["relay"], &status["unsent"]), (&Value::from(other.url()), &Value::from(0)), "{status}");
    }
    town.assert_equal();
}

#[test]
fn where_the_old_relay_is_gone_for_good_each_says_the_new_one_once() {
    let mut town = Town::together();
    let old = town.url();
    town.anna.json(&["note", "add", "Waits at Anna's"]);
    town.kill_relay();
    let (_folder, other) = another();
    town.ben.json(&["relay", "set", &other.url()]);
    town.ben.json(&["note", "add", "Waits at Ben's"]);
    town.sync(&[&town.ben]);
    assert_eq!(relays(&town.ben), [other.url(), old.clone()], "he tries to tell Anna there");
    assert_eq!(town.anna.refused(&["sync"]).exit, 7);
    town.anna.json(&["relay", "set", &other.url()]);
    town.sync(&[&town.anna, &town.ben, &town.anna]);
    assert_eq!(titles(&town.ben), ["Waits at Anna's", "Waits at Ben's"]);
    town.assert_equal();
    assert_eq!(relays(&town.ben), [other.url()], "she is known to be here");
    // What Anna knows of Ben is what he last wrote; until then she looks for him at the old one, or is told not to.
    assert_eq!(relays(&town.anna), [other.url(), old]);
    town.anna.json(&["relay", "set", &other.url()]);
    assert_eq!(relays(&town.anna), [other.url()]);
    town.meet();
}

#[test]
fn who_says_the_new_relay_twice_still_tells_the_other_one_at_the_old_one() {
    let town = Town::together();
    let (old, (_folder, other)) = (town.url(), another());
    for _ in 0..2 {
        town.anna.json(&["relay", "set", &other.url()]);
        assert_eq!(relays(&town.anna), [other.url(), old.clone()]);
    }
    town.anna.json(&["note", "add", "From Anna"]);
    town.sync(&[&town.anna, &town.ben]);
    town.ben.json(&["note", "add", "From Ben"]);
    town.meet();
    assert_eq!(titles(&town.anna), ["From Anna", "From Ben"]);
    town.assert_equal();
    for person in [&town.anna, &town.ben] {
        let said = person.json(&["security"]).to_string();
        assert!(!said.contains("relay-lost-data"), "nothing was lost anywhere: {said}");
    }
}

#[test]
fn saying_the_relay_that_is_used_makes_no_stranger_of_it() {
    let town = Town::together();
    let met = |person: &Person| person.json(&["security"]).to_string().matches("relay-met").count();
    let (key, before) = (town.ben.json(&["relay"])[0]["key"].clone(), met(&town.ben));
    assert!(key.is_string());
    town.ben.json(&["relay", "set", &town.url()]);
    assert_eq!(town.ben.json(&["relay"])[0]["key"], key);
    town.meet();
    assert_eq!(met(&town.ben), before);
}

#[test]
fn whoever_takes_up_an_invitation_finds_the_alliance_that_moved_meanwhile() {
    let town = Town::with_ben();
    let (_folder, other) = another();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.ben.json(&["relay", "set", &other.url()]);
    for _ in 0..2 {
        town.sync(&[&town.ben]);
    }
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    town.sync(&[&town.ben, &town.anna, &town.ben, &town.anna]);
    town.anna.json(&["note", "add", "Found"]);
    town.meet();
    assert_eq!(titles(&town.ben), ["Found"]);
    assert_eq!(relays(&town.anna)[0], other.url());
    for _ in 0..2 {
        town.meet();
    }
    assert_eq!(relays(&town.ben), [other.url()], "nobody needs the old one any more");
}

#[test]
fn two_who_move_at_once_to_two_relays_use_both_and_lose_nothing() {
    let town = Town::together();
    let (_folder, first) = another();
    let (_folder2, second) = another();
    town.ben.json(&["relay", "set", &first.url()]);
    town.anna.json(&["relay", "set", &second.url()]);
    town.ben.json(&["note", "add", "From Ben"]);
    town.anna.json(&["note", "add", "From Anna"]);
    for _ in 0..2 {
        town.meet();
    }
    assert_eq!(titles(&town.ben), ["From Anna", "From Ben"]);
    town.assert_equal();
    let of_alliance = |person: &Person| {
        let relays = person.json(&["relay"]);
        let rows = relays.as_array().expect("a list").iter();
        let keeps = |row: &&Value| {
            let has = |field: &str| row[field].as_array().expect("a list").contains(&Value::from(town.space.clone()));
            has("spaces") && !has("left")
        };
        rows.filter(keeps).map(|row| row["id"].as_str().expect("an address").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of_alliance(&town.ben), of_alliance(&town.anna));
    assert!(!of_alliance(&town.ben).contains(&town.url()));
    for person in [&town.anna, &town.ben] {
        let said = person.json(&["security"]).to_string();
        assert!(!said.contains("relay-lost-data"), "nothing was lost anywhere: {said}");
    }
}

#[test]
fn a_token_is_kept_and_never_shown() {
    let town = Town::with_ben();
    let token = "let-me-in-9f2c";
    let shown = town.ben.run(&["relay", "token", token]);
    assert_eq!(shown.code, Some(0), "{shown}");
    assert_eq!(town.ben.json(&["relay"])[0]["token"], true);
    for typed in [&["relay"][..], &["relay", "--json"], &["security"], &["status"], &["invite"]] {
        let ran = town.ben.run(typed);
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token), "{ran}");
    }
    town.sync(&[&town.ben]);
    assert!(!town.relay().logs().contains(token));
    let refused = town.ben.refused(&["relay", "token", token, "--relay", "http://relay.example"]);
    assert!(refused.message.contains("in the clear") && !refused.message.contains(token), "{refused:?}");
    let refused = town.ben.refused(&["relay", "token", "two words"]);
    assert!(!refused.message.contains("two words"), "{refused:?}");
    town.ben.json(&["relay", "token", "--forget"]);
    assert_eq!(town.ben.json(&["relay"])[0]["token"], false);
}

#[test]
fn a_relay_that_asks_for_a_token_takes_new_spaces_of_those_who_have_it_and_serves_all_who_belong() {
    let town = Town::new();
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let made = Command::new(programs().join("alliance-relay")).arg("token").output().expect("runs");
    let made = String::from_utf8(made.stdout).expect("text");
    let of = |word: &str| made.lines().find_map(|line| line.strip_prefix(word)).expect("is said").trim().to_owned();
    let config = format!("[admission]\nmode = \"token\"\ntokens = [\"{}\"]\n", of("hash"));
    fs::write(folder.path().join("data.toml"), config).expect("written");
    let relay = RelayProgram::start(&folder.path().join("data"));
    let url = relay.url();
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &url]);
    town.ben.json(&["note", "add", "Before it let me in"]);
    let refused = town.ben.run(&["sync"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("alliance relay token"), "{refused}");
    let kept = |person: &Person| person.json(&["status"])[0]["kept"] == true;
    assert!(!kept(&town.ben) && town.ben.ok(&["status"]).contains("1 waits here"));
    town.ben.json(&["relay", "token", "not-the-right-one"]);
    let refused = town.ben.run(&["sync"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("alliance relay token"), "{refused}");
    town.ben.json(&["relay", "token", &of("token")]);
    let invitation = town.ben.json(&["invite"])["invitation"].as_str().expect("a word").to_owned();
    town.sync(&[&town.ben]);
    assert!(kept(&town.ben));
    // Anna has no token: the alliance is there already.
    let joined = town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    assert_eq!(joined["synced"], true);
    town.anna.json(&["note", "add", "Without a token"]);
    town.ben.json(&["sync"]);
    for _ in 0..2 {
        let ran = town.anna.run(&["sync"]);
        // What is only hers is new to the relay.
        assert!(ran.code == Some(1) && ran.stderr.contains("“only yours”: it takes new"), "{ran}");
        assert!(!ran.stderr.contains("“Ben & Anna”: it takes new"), "{ran}");
        town.ben.json(&["sync"]);
    }
    assert_eq!(titles(&town.ben), ["Before it let me in", "Without a token"]);
    assert_eq!(titles(&town.anna), titles(&town.ben));
    assert!(!relay.logs().contains(&of("token")));
}

#[test]
fn a_relay_that_is_not_there_hides_nothing_about_another_one() {
    let mut town = Town::with_ben();
    let (_folder, other) = another();
    let begin = ["init", "--name", "Anna", "--role", "client", "--alliance", "Own", "--relay", &other.url()];
    town.anna.json(&begin);
    let status = town.anna.ok(&["status"]);
    assert!(status.contains("not at the relay yet"), "{status}");
    let invitation = town.ben.json(&["invite"])["invitation"].as_str().expect("a word").to_owned();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    town.sync(&[&town.ben, &town.anna]);
    assert_eq!(relays(&town.anna).len(), 2);
    assert!(!town.anna.ok(&["status"]).contains("not at the relay yet"));
    // One is gone, the other one is another relay now.
    drop(other);
    town.kill_relay();
    fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    for typed in ["sync", "verify"] {
        assert_eq!(town.anna.refused(&[typed]).code, "other_relay");
        let ran = town.anna.run(&[typed]);
        assert!(ran.stderr.contains("no relay answers") && ran.stderr.contains("another key"), "{ran}");
    }
}

/// Another relay that listens where this one did, with nothing of what it kept.
fn replaced(relay: RelayProgram, folder: &TempDir) -> RelayProgram {
    let address = relay.address().to_owned();
    relay.kill();
    let data = folder.path().join("another");
    RelayProgram::start_at(&data, &address)
}

#[test]
fn a_relay_that_was_left_and_is_another_one_by_now_hinders_nothing_and_can_be_given_up() {
    let mut town = Town::together();
    let (left, (_folder, used)) = (town.url(), another());
    town.ben.json(&["relay", "set", &used.url()]);
    town.kill_relay();
    let line = |what: &str| {
        format!(
            "The relay {left}, which you left, {what}; nothing was sent to it. \
             `alliance relay forget {left}` gives it up."
        )
    };
    let ran = town.ben.run(&["sync"]);
    assert!(ran.code == Some(0) && ran.stderr.contains(&line("does not answer")), "{ran}");
    fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    for _ in 0..2 {
        let ran = town.ben.run(&["sync"]);
        assert!(ran.code == Some(0) && ran.stderr.contains(&line("answers with another key")), "{ran}");
    }
    let ran = town.ben.run(&["verify"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("Ben & Anna"), "{ran}");
    assert_eq!(relays(&town.ben), [used.url(), left.clone()]);
    let refused = town.ben.refused(&["relay", "forget", &used.url()]);
    assert_eq!((refused.exit, refused.code.as_str()), (1, "relay_in_use"));
    assert_eq!(town.ben.refused(&["relay", "forget", "https://relay.example"]).exit, 5);
    town.ben.json(&["relay", "forget", &left]);
    assert_eq!(relays(&town.ben), [used.url()]);
    assert!(!town.ben.run(&["sync"]).stderr.contains("which you left"));
}

#[test]
fn a_relay_to_which_one_comes_back_is_known_by_the_key_that_it_had() {
    for synced_between in [false, true] {
        let town = Town::with_ben();
        let (folder, old) = another();
        town.ben.json(&["relay", "set", &old.url()]);
        town.sync(&[&town.ben]);
        town.ben.json(&["relay", "set", &town.url()]);
        if synced_between {
            town.sync(&[&town.ben]);
            assert_eq!(relays(&town.ben), [town.url()]);
        }
        town.ben.json(&["relay", "set", &old.url()]);
        let old = replaced(old, &folder);
        let ran = town.ben.run(&["sync"]);
        assert!(ran.code == Some(1) && ran.stderr.contains("has another key than before"), "{ran}");
        // Said again on purpose, it is taken as it is.
        town.ben.json(&["relay", "set", &old.url()]);
        town.sync(&[&town.ben]);
        town.ben.json(&["relay", "set", &town.url()]);
        town.sync(&[&town.ben]);
        assert_eq!(relays(&town.ben), [town.url()]);
    }
}

#[test]
fn what_a_full_relay_passed_over_arrives_once_both_are_on_another_one() {
    let mut town = Town::together();
    let data = town.data();
    let mut limit = Command::new(programs().join("alliance-relay"));
    limit.args(["spaces", "limit", &town.space, "2MiB", "--data"]).arg(&data);
    assert!(limit.status().expect("runs").success());
    let words = dense(120_000);
    for n in 0..4 {
        let add = ["note", "add", &format!("Long {n}"), "-m", "-", "--json"];
        town.ben.start_with(&add, &words).end().data();
    }
    let refused = |person: &Person| person.run(&["sync", "--json"]).code == Some(1);
    while !refused(&town.ben) {
        town.ben.json(&["note", "add", "One more", "-m", &dense(30_000)]);
    }
    town.ben.json(&["note", "add", "Behind all that"]);
    assert!(refused(&town.ben));
    town.sync(&[&town.anna]);
    let before = titles(&town.anna);
    assert!(!before.is_empty() && before.len() < titles(&town.ben).len(), "{before:?}");
    town.anna.json(&["note", "add", "From Anna"]);
    town.sync(&[&town.anna]);
    let (_folder, other) = another();
    // That it moves stands behind what the old one passes over, so each of them has to say it.
    town.ben.json(&["relay", "set", &other.url()]);
    town.ben.json(&["note", "add", "Written while moving"]);
    assert_eq!(town.ben.run(&["sync"]).code, Some(0), "what a relay that is left does not take is no fault");
    town.anna.json(&["relay", "set", &other.url()]);
    town.anna.json(&["note", "add", "Written by Anna meanwhile"]);
    town.meet();
    town.kill_relay();
    for _ in 0..2 {
        town.meet();
    }
    for title in ["Behind all that", "From Anna", "Written while moving", "Written by Anna meanwhile"] {
        assert!(titles(&town.anna).contains(&title.to_owned()), "{title}");
    }
    assert_eq!(titles(&town.anna), titles(&town.ben));
    town.assert_equal();
    for person in [&town.ben, &town.anna] {
        let status = &person.json(&["status"])[0];
        assert_eq!((&status["unsent"], &status["refused"]), (&Value::from(0), &Value::Null), "{status}");
    }
}
