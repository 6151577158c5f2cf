//! Invitations, recovery words, sealed recovery secrets and safety words.

use alliance_core::keys::{
    Invitation, Route, Words,
    invitation::{Error, Relay, Terms},
    recovery, route, safety,
};
use alliance_replica::{
    id::{ReplicaKey, SpaceId},
    log::control::Purpose,
};
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story,
    world::{ANNA, ANNA_WORDS, BEN, BEN_WORDS, RELAY, filler, rng},
};

pub(crate) fn vectors() -> Value {
    json!({ "invitations": invitations(), "not_invitations": refused(), "tickets": tickets(), "recovery": recovery(), "safety": safety() })
}

fn terms(relay: Option<(&str, Option<ReplicaKey>)>, purpose: Purpose) -> Terms {
    let relay = relay.map(|(url, key)| Relay { url: url.to_owned(), key });
    Terms { space: story::history().space, purpose, expires: 1_800_000_000, relay, route: None }
}

pub(crate) fn route() -> Route {
    let addresses = ["192.0.2.7:4433", "[2001:db8::7]:65535"].map(|it| it.parse().expect("an address"));
    Route::new(RELAY.secret().public(), addresses)
}

/// Where a laptop is dialled, as text, and texts that say no such thing.
fn tickets() -> Vec<Value> {
    let right = route().ticket();
    let mistyped = right.replace("alliance-peer:A", "alliance-peer:B");
    let texts = [("a ticket that is right", right.clone()), ("another-scheme", right.replace("peer", "pear"))];
    let vector = |(name, text): (&str, String)| {
        let refusal = match Route::parse(&text) {
            Ok(_) => "none",
            Err(route::Error::Foreign) => "foreign",
            Err(route::Error::Mistyped) => "mistyped",
            Err(route::Error::Newer(_)) => "newer",
            Err(route::Error::Malformed) => "malformed",
        };
        let says = Route::parse(&text).ok().map(|it| json::route(&it));
        json::present(json!({ "name": name, "text": text, "refusal": refusal, "says": says }))
    };
    let cut = ("cut", right[..right.len() - 2].to_owned());
    texts.into_iter().chain([("mistyped", mistyped), cut]).map(vector).collect()
}

fn invitations() -> Vec<Value> {
    let key = Some(RELAY.secret().public());
    let all = [
        (
            "for the other person, by a relay that is known",
            terms(Some(("https://relay.example:8787", key)), Purpose::Member),
        ),
        ("by a relay that was not met yet", terms(Some(("http://127.0.0.1:8787", None)), Purpose::Member)),
        ("for an own device, without a relay", terms(None, Purpose::OwnDevice)),
        ("at the laptop of whoever made it", Terms { route: Some(route()), ..terms(None, Purpose::Member) }),
    ];
    let vector = |(name, terms): (&str, Terms)| {
        let invitation = Invitation::generate(terms, &mut rng(2)).expect("the terms are right");
        let text = invitation.reveal();
        let again = Invitation::parse(&text).expect("an invitation");
        assert_eq!(again.terms(), invitation.terms());
        let device = again.device_secret();
        json!({
            "name": name,
            "text": *text,
            "terms": json::terms(again.terms()),
            "derived": hex(&*device.to_bytes()),
            "keys": json::keys(&device.keys()),
        })
    };
    all.into_iter().map(vector).collect()
}

fn refused() -> Vec<Value> {
    let right = Invitation::generate(terms(None, Purpose::Member), &mut rng(2)).expect("the terms are right").reveal();
    let (public, secret) = right.split_once('#').expect("two halves");
    let changed = |at: usize| {
        let mut text = right.as_bytes().to_vec();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).expect("ASCII")
    };
    let texts = [
        ("an invitation that is right", right.to_string()),
        ("broken over two lines", right.replacen('#', "\n  #", 1)),
        ("with its scheme in capitals", right.replacen("alliance:", "ALLIANCE:", 1)),
        ("another-scheme", right.replacen("alliance:", "https:", 1)),
        ("without-a-secret", public.to_owned()),
        ("mistyped-in-the-public-half", changed(20)),
        ("mistyped-in-the-secret", changed(right.len() - 20)),
        ("truncated", right[..right.len() - 1].to_owned()),
        ("with-padding", format!("{public}=#{secret}")),
    ];
    let vector = |(name, text): (&str, String)| {
        let refusal = match Invitation::parse(&text) {
            Ok(_) => "none",
            Err(Error::Foreign) => "foreign",
            Err(Error::Mistyped) => "mistyped",
            Err(Error::Newer(_)) => "newer",
            Err(Error::Malformed(_)) => "malformed",
            Err(Error::Url) => "url",
        };
        json!({ "name": name, "text": text, "refusal": refusal })
    };
    texts.into_iter().map(vector).collect()
}

fn recovery() -> Value {
    let words = Words::generate(&mut rng(3));
    let device = words.device_secret();
    let (alliance, personal) = (story::history().space, SpaceId::new(filler("space", 2)));
    let kept = ANNA_WORDS.device_secret();
    let sealed = recovery::seal(&kept, &device.keys(), &alliance, &personal, &mut rng(4)).expect("a usable key");
    let opened = words.open(&alliance, &personal, &sealed).expect("opens");
    assert_eq!(*opened.to_bytes(), *kept.to_bytes());
    let read = Words::parse(&words.reveal().to_uppercase()).expect("words");
    assert_eq!(read.device_secret().keys(), device.keys());
    json!({
        "entropy": hex(&entropy()),
        "words": *words.reveal(),
        "derived": hex(&*device.to_bytes()),
        "keys": json::keys(&device.keys()),
        "alliance": alliance.to_string(),
        "personal": personal.to_string(),
        "sealed": hex(&sealed),
        "opened": hex(&*kept.to_bytes()),
    })
}

/// What the words of [`recovery`] stand for: the first 32 bytes that their randomness gives.
fn entropy() -> [u8; 32] {
    use rand_core::Rng as _;
    let mut entropy = [0; 32];
    rng(3).fill_bytes(&mut entropy);
    entropy
}

fn safety() -> Value {
    let introduced = |device: &crate::world::Holder, recovery: &crate::world::Holder| safety::Introduced {
        device: device.keys(),
        recovery: Some(recovery.keys()),
    };
    let (anna, ben) = (introduced(&ANNA, &ANNA_WORDS), introduced(&BEN, &BEN_WORDS));
    let space = story::history().space;
    let words = safety::words(&space, [anna, ben]).expect("enough memory");
    assert_eq!(words, safety::words(&space, [ben, anna]).expect("enough memory"));
    let keys = |of: &safety::Introduced| json!({ "device": json::keys(&of.device), "recovery": of.recovery.as_ref().map(json::keys) });
    json!({ "space": space.to_string(), "members": [keys(&anna), keys(&ben)], "words": words })
}
