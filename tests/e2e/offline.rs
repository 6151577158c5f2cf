//! `--offline`: whoever says it is heard by nobody.

use std::{io::ErrorKind, net::TcpListener};

use alliance_tests::{program::Person, seen::titles, town::Town};

/// Commands that need somebody, and what each of them needs to be tried.
const NEED_SOMEBODY: [&[&str]; 8] = [
    &["sync"],
    &["sync", "--watch"],
    &["sync", "--no-relay"],
    &["verify"],
    &["peer", "ticket"],
    &["relay", "drop", "--yes"],
    &["device", "renew", "--yes"],
    &["recovery", "restore", "--relay", "http://127.0.0.1:1"],
];

#[test]
fn nothing_is_sent_with_offline_and_what_was_decided_goes_with_the_next_sync() {
    let mut town = Town::together();
    let invitation = town.ben.json(&["invite", "--device"])["invitation"].as_str().expect("words").to_owned();
    town.sync(&[&town.ben]);
    let address = town.relay().address().to_owned();
    town.stop_relay();
    let ears = TcpListener::bind(&address).expect("the relay's address");
    ears.set_nonblocking(true).expect("a socket");
    for arguments in NEED_SOMEBODY {
        let refused = town.ben.refused(&[arguments, &["--offline"]].concat());
        assert_eq!((refused.code.as_str(), refused.exit), ("offline", 2), "{arguments:?}");
    }
    let tablet = Person::new("Ben's tablet");
    assert_eq!(tablet.refused(&["--offline", "join", &invitation]).code, "offline");
    assert!(!tablet.profile().exists());
    // What needs nobody is as ever, and what others have to hear waits.
    town.ben.ok(&["--offline", "note", "add", "Written on the train"]);
    let withdrawn = town.ben.run(&["invite", "--device", "--withdraw", "--offline"]);
    assert!(withdrawn.stderr.contains("nothing is sent or fetched with --offline"), "{withdrawn:?}");
    let doctor = town.ben.ok(&["doctor", "--offline"]);
    assert_eq!(doctor.matches("not asked: nothing is sent or fetched with --offline").count(), 2, "{doctor}");
    assert_eq!(ears.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
    drop(ears);
    town.start_relay();
    town.meet();
    assert!(titles(&town.anna).contains(&"Written on the train".to_owned()));
    let refused = tablet.refused(&["join", &invitation]);
    assert!(["invitation_used", "invitation_withdrawn"].contains(&refused.code.as_str()), "{refused:?}");
    assert!(!tablet.profile().exists());
}
