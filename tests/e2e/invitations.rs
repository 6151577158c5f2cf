//! Invitations that do not let anybody in: what is said, and that nothing is left behind.

use alliance_tests::{
    disk::files,
    program::{Person, Refusal},
    town::Town,
};

/// Now, as good as any: later than the clock of whoever made the invitation.
const A_LATER_YEAR: i64 = 4_000_000_000;

fn refused(person: &Person, invitation: &str) -> Refusal {
    let words = person.beside("words.txt");
    let path = words.to_str().expect("text");
    let refusal = person.refused(&["join", invitation, "--name", "Anna", "--role", "client", "--recovery-file", path]);
    let mut left = files(person.home());
    left.retain(|(path, _)| !path.ends_with(".lock"));
    assert!(left.is_empty(), "{refusal:?} left {left:?}");
    assert!(!words.exists(), "{refusal:?} left recovery words of no profile");
    let today = person.refused(&["today"]);
    assert_eq!(today.code, "no_profile", "{today:?}");
    refusal
}

fn expect(refusal: &Refusal, exit: i32, code: &str, hint: &str) {
    assert_eq!((refusal.exit, &*refusal.code), (exit, code), "{refusal:?}");
    assert!(refusal.hint.contains(hint), "{refusal:?}");
}

#[test]
fn a_mistyped_or_foreign_text_is_no_invitation() {
    let town = Town::with_ben();
    let good = town.invitation();
    for at in [10, good.len() / 2, good.len() - 2] {
        let mut letters: Vec<char> = good.chars().collect();
        letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
        let mistyped: String = letters.into_iter().collect();
        expect(&refused(&town.anna, &mistyped), 1, "invitation_mistyped", "copy it whole");
    }
    for cut in [&good[..good.len() - 1], good.split('#').next().expect("a part")] {
        expect(&refused(&town.anna, cut), 1, "invitation_mistyped", "copy it whole");
    }
    for foreign in ["hello", "https://example.org/#secret", ""] {
        expect(&refused(&town.anna, foreign), 1, "not_an_invitation", "`alliance invite`");
    }
}

#[test]
fn an_invitation_that_the_relay_does_not_know_yet_works_after_the_inviters_sync() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    expect(&refused(&town.anna, &invitation), 1, "invitation_unknown", "`alliance sync`");
    town.sync(&[&town.ben]);
    let second = town.invitation();
    expect(&refused(&town.anna, &second), 1, "invitation_unknown", "`alliance sync`");
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    town.meet();
    assert_eq!(town.ben.json(&["member"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn an_invitation_lets_one_person_in_once() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    let eve = Person::new("Eve");
    expect(&refused(&eve, &invitation), 1, "invitation_used", "`alliance invite`");
    town.meet();
    // Once confirmed, the invitation's key is dead, and the relay does not even open.
    let refusal = refused(&eve, &invitation);
    assert!(["invitation_used", "invitation_unknown", "invitation_withdrawn"].contains(&&*refusal.code), "{refusal:?}");
    let again = town.anna.refused(&["join", &invitation]);
    assert_eq!(again.exit, 1, "{again:?}");
    assert_eq!(town.anna.json(&["use"]).as_array().map(Vec::len), Some(1));
    let members = town.ben.json(&["member"]);
    assert!(members.to_string().contains("Anna") && !members.to_string().contains("Eve"), "{members}");
}

#[test]
fn an_invitation_that_has_run_out_lets_nobody_in() {
    let town = Town::with_ben();
    // By the relay's clock: it was made for half an hour long ago.
    let old = town.ben.at(1_600_000_000).json(&["invite", "--expires", "30m"]);
    // By the joiner's own clock.
    let short = town.ben.json(&["invite", "--expires", "1d"]);
    town.sync(&[&town.ben]);
    let [old, short] = [old, short].map(|it| it["invitation"].as_str().expect("a word").to_owned());
    let expired = |person: &Person, invitation: &str| {
        expect(&refused(person, invitation), 1, "invitation_expired", "`alliance invite`");
    };
    expired(&town.anna, &old);
    expired(&town.anna.at(A_LATER_YEAR), &short);
    town.anna.json(&["join", &short, "--name", "Anna", "--role", "client"]);
}

#[test]
fn an_invitation_whose_relay_does_not_answer_leaves_nothing_behind() {
    let mut town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.kill_relay();
    let refusal = refused(&town.anna, &invitation);
    assert_eq!((refusal.exit, &*refusal.code), (7, "relay_unreachable"), "{refusal:?}");
    town.start_relay();
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
}

#[test]
fn whoever_does_not_say_who_joins_is_asked_and_whoever_is_somebody_else_is_told() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let refusal = town.anna.refused(&["join", &invitation]);
    expect(&refusal, 2, "usage", "--name");
    assert!(files(town.anna.home()).is_empty());
    town.anna.json(&["init", "--name", "Anna", "--role", "client", "--alliance", "Another one"]);
    let refusal = town.anna.refused(&["join", &invitation, "--name", "Eve"]);
    expect(&refusal, 2, "other_person", "--profile");
    let joined = town.anna.json(&["join", &invitation]);
    assert_eq!(joined["recovery_words"], serde_json::Value::Null, "the words of a profile hold for all its alliances");
    assert_eq!(town.anna.json(&["use"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_joiner_whose_relay_dies_after_the_first_words_is_in_after_the_next_sync() {
    let mut town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    // Whatever has happened when the relay dies, the same command or the next sync brings Anna in.
    let joining = town.anna.start(&["join", &invitation, "--name", "Anna", "--role", "client", "--json"]);
    let mut seen = 0;
    alliance_tests::program::until("a connection or the end", || {
        seen = town.relay().logs().matches("space is opened").count();
        (seen > 1).then_some(())
    });
    town.kill_relay();
    let ran = joining.end();
    town.start_relay();
    match ran.code {
        Some(0) => town.sync(&[&town.anna]),
        _ => {
            assert!(files(town.anna.home()).is_empty(), "{ran}");
            town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
        }
    }
    town.meet();
    town.anna.json(&["note", "add", "I am here"]);
    town.meet();
    assert_eq!(town.ben.json(&["note", "list"])[0]["title"], "I am here");
    town.assert_equal();
}

#[test]
fn ones_own_invitation_that_lets_no_computer_in_sends_nobody_to_the_other_person() {
    let town = Town::together();
    let word = town.ben.json(&["invite", "--device"])["invitation"].as_str().expect("a word").to_owned();
    let own = |person: &Person, code: &str| {
        let refused = person.refused(&["join", &word]);
        expect(&refused, 1, code, "alliance invite --device");
        assert!(refused.hint.contains("your other computer") && !refused.hint.contains("other person"), "{refused:?}");
    };
    own(&Person::new("ben"), "invitation_unknown");
    town.sync(&[&town.ben]);
    own(&Person::new("ben").at(A_LATER_YEAR), "invitation_expired");
    let tablet = Person::new("ben");
    tablet.json(&["join", &word]);
    own(&Person::new("ben"), "invitation_used");
}

#[test]
fn who_comes_second_by_one_invitation_is_told_that_it_works_no_more() {
    let mut town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.stop_relay();
    let backup = town.backup_relay();
    town.start_relay();
    let join = ["join", &invitation, "--name", "Anna", "--role", "client"];
    town.anna.json(&join);
    // The relay forgets that she came.
    town.stop_relay();
    town.restore_relay(&backup);
    town.start_relay();
    Person::new("eve").json(&join);
    town.sync(&[&town.ben]);
    let told = town.anna.run(&["sync"]).to_string();
    assert!(told.contains("This computer was never let in") && told.contains("still here"), "{told}");
    assert!(told.contains("A new invitation lets it in") && !told.contains("device renew"), "{told}");
    let status = town.anna.json(&["status"]);
    assert_eq!(
        (&status[0]["out"]["why"], &status[1]["out"]),
        (&"not-let-in".into(), &serde_json::Value::Null),
        "{status}"
    );
}
