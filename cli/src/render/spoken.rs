//! Kinds as people speak of them: with the right article, several of them, and what makes the first one.

/// What makes the first item of a kind that `alliance <kind> add <title>` does not make.
const BEGINNINGS: &[(&str, &str)] = &[
    ("commitment", "`alliance commitment offer <words>` offers one, `commitment add <words>` makes one of your own."),
    ("belief", "`alliance belief name <words>` names one, for yourself alone."),
    ("comment", "`alliance comment add <id> <words>` says something about an item."),
    ("insight", "`alliance insight add <words>` keeps one of your own, `insight offer <words>` offers one."),
    ("question", "`alliance question bank` has some to begin from, `question offer <words>` offers one."),
    ("reflection", "`alliance reflect write` writes one, for yourself alone."),
    ("session", "`alliance session plan <when>` plans one."),
    ("win", "`alliance win add <words>` writes one down."),
    ("feedback", "`alliance feedback give keep <words>` gives some, `feedback ask <about>` asks for it."),
];

/// One of a kind.
pub fn one(kind: &str) -> String {
    match kind.chars().next() {
        _ if kind == "feedback" => kind.to_owned(),
        Some('a' | 'e' | 'i' | 'o' | 'u') => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// Several of a kind.
pub fn several(kind: &str) -> String {
    if kind == "feedback" { kind.to_owned() } else { format!("{kind}s") }
}

/// The command of a kind.
pub fn command(kind: &str) -> &str {
    if kind == "reflection" { "reflect" } else { kind }
}

/// What helps where there is nothing of a kind yet.
pub fn begin(kind: &str) -> String {
    let beginning = BEGINNINGS.iter().find(|(of, _)| *of == kind).map(|(_, how)| (*how).to_owned());
    beginning.unwrap_or_else(|| format!("`alliance {kind} add <title>` makes one."))
}

/// How items of a kind are of which lists show none.
pub fn over(kind: &str) -> &'static str {
    if kind == "goal" { "reached or released" } else { "over" }
}
