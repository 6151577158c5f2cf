//! Cold commands of a coach with forty alliances of three years each, beside a bare program of the same run.

use std::env;

use alliance_tests::practice;

use super::{Report, bare, ben, copy_folder, data, made_by, medians, ms, raw_insert};

pub(super) fn run(report: &mut Report) {
    let data = data();
    // Fewer, to try it out.
    let weeks = env::var("ALLIANCE_WEEKS").ok().and_then(|weeks| weeks.parse().ok()).unwrap_or(practice::ALL_WEEKS);
    let home = made_by(&format!("{} alliances of {weeks} weeks", practice::ALLIANCES), || practice::home(&data, weeks));
    let scratch = tempfile::tempdir_in(&data).expect("a folder");
    let place = scratch.path().join("home");
    copy_folder(&home, &place);
    let (bare, raw) = (bare(), raw_insert(scratch.path()));
    let note = ["--alliance", "Ben & Client 7", "note", "add", "A thought", "-m", "We should talk about September."];
    // The words of what was typed in are kept with the first search.
    assert!(ben(&place, &["search", practice::RARE]).output().expect("a program").status.success());
    let mut commands = [
        bare,
        raw,
        ben(&place, &["all"]),
        ben(&place, &["--alliance", "Ben & Client 7", "today"]),
        ben(&place, &["search", practice::RARE]),
        ben(&place, &["search", "responsibility marathon piano"]),
        ben(&place, &note),
    ];
    let [bare, raw, all, today, rare, common, note] = medians(&mut commands);
    println!("alliance --version {}, a bare program's insert {}", ms(bare), ms(raw));
    report.line("all, forty alliances, to --version", all, bare, 3.0);
    report.line("today, one of forty, to --version", today, bare, 3.0);
    report.line("search, a rare word, to --version", rare, bare, 3.0);
    report.line("search, three common words, to --version", common, bare, 3.0);
    report.line("note add, one of forty, to --version and an insert", note, bare + raw, 3.0);
    for words in [&["all"][..], &["--alliance", "Ben & Client 7", "today"], &["search", practice::RARE]] {
        report.memory(words[words.len() - 1], &ben(&place, words), &scratch.path().join("memory"));
    }
}
