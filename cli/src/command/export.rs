//! `alliance export`: everything as Markdown and JSON in a folder, to be read without this program.
//!
//! What did not change is written byte for byte as before: nothing says when or where it was exported. What is private lies
//! apart from each alliance. The form is in docs/export.md.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{self, AllianceInfo, Profile, Summary},
    domain::{self, agreement, alliance},
};
use alliance_replica::id::SpaceId;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    Answer, Context,
    item::{Item, Said},
};
use crate::{error::CliError, render, when};

/// The file that says which files belong to an export.
pub(super) const MANIFEST: &str = "export.json";
/// The file of an alliance, or of what is private, that `alliance import` reads.
pub(super) const WRITTEN: &str = "written.json";
/// What is private.
const PRIVATE: &str = "private";
/// Letters of a title in the name of a file.
const SLUG: usize = 40;

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The folder: a new one, an empty one, or one that was exported to before
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// What was exported.
#[derive(Serialize, Debug)]
pub struct Exported {
    /// The folder.
    pub folder: String,
    /// How many items.
    pub items: usize,
    /// How many files.
    pub files: usize,
}

/// Which files belong to an export.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Manifest {
    pub(super) v: u32,
    pub(super) files: BTreeSet<String>,
}

/// Everything that was written, for a program.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) v: u32,
    #[serde(flatten)]
    pub(super) whole: app::Whole,
}

/// An alliance, or what is private, as a whole.
#[derive(Serialize)]
struct Whole<'a> {
    v: u32,
    title: &'a str,
    you: &'a str,
    other: Option<&'a str>,
    agreement: Vec<Agreed>,
    items: &'a [Item],
}

/// A text that both agreed on.
#[derive(Serialize)]
struct Agreed {
    since: String,
    text: String,
}

/// Files that are being written.
struct Folder {
    path: PathBuf,
    written: BTreeSet<String>,
}

impl Export {
    /// Writes everything.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let before = manifest(&self.folder)?;
        let mut folder = Folder { path: self.folder, written: BTreeSet::new() };
        let you = profile.person()?.name;
        let mut items = 0;
        let alliances = profile.alliances()?;
        for info in &alliances {
            let all = whole(&mut profile, info.space, false)?;
            let agreed = profile.agreement(info.space)?.forces.into_iter();
            let agreement =
                agreed.map(|it| Agreed { since: it.since, text: agreement::canonical(&it.texts) }).collect();
            let AllianceInfo { space, title, other, .. } = info;
            let name = format!("{}-{}", slug(title), &space.to_string()[..8]);
            let all_of = Whole { v: 1, title, you: &you, other: other.as_deref(), agreement, items: &all };
            folder.all(&name, &all_of)?;
            folder.written(&name, profile.whole(*space, false)?)?;
            items += all.len();
        }
        if let Some(info) = alliances.first() {
            let all = whole(&mut profile, info.space, true)?;
            let (title, agreement) = ("Private", Vec::new());
            folder.all(PRIVATE, &Whole { v: 1, title, you: &you, other: None, agreement, items: &all })?;
            folder.written(PRIVATE, profile.whole(info.space, true)?)?;
            items += all.len();
        }
        for gone in before.files.difference(&folder.written) {
            // Only what an export wrote before is taken away.
            let _ = fs::remove_file(folder.path.join(gone));
        }
        let manifest = Manifest { v: 1, files: folder.written.clone() };
        folder.json(MANIFEST, &manifest)?;
        let files = folder.written.len();
        Ok(Answer::Exported(Exported { folder: folder.path.display().to_string(), items, files }))
    }
}

/// What an earlier export wrote there; none in a new folder, and nobody's other files are touched.
fn manifest(folder: &Path) -> Result<Manifest, CliError> {
    let failed = |source| CliError::Folder { path: folder.to_owned(), source };
    let is_empty = match fs::read_dir(folder) {
        Ok(mut there) => there.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(failed(error)),
    };
    if is_empty {
        return Ok(Manifest::default());
    }
    let other = || failed(io::Error::new(io::ErrorKind::AlreadyExists, "it holds something else"));
    let text = fs::read_to_string(folder.join(MANIFEST)).map_err(|_| other())?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|_| other())?;
    let within = |file: &String| Path::new(file).components().all(|it| matches!(it, std::path::Component::Normal(_)));
    if manifest.files.iter().all(within) { Ok(manifest) } else { Err(other()) }
}

/// All items of an alliance, or all private ones, by their ids.
fn whole(profile: &mut Profile, space: SpaceId, private: bool) -> Result<Vec<Item>, CliError> {
    let mut all: Vec<Summary> = profile.archived(space)?;
    for kind in domain::KINDS.iter().filter(|kind| **kind != &alliance::KIND && **kind != &agreement::KIND) {
        all.extend(profile.list(space, kind.name, true)?);
    }
    all.retain(|it| it.private == private);
    all.sort_by_key(|it| it.item);
    all.dedup_by_key(|it| it.item);
    all.into_iter().map(|it| Ok(profile.item(&it.item)?.into())).collect()
}

impl Folder {
    fn all(&mut self, name: &str, whole: &Whole<'_>) -> Result<(), CliError> {
        self.json(&format!("{name}/all.json"), whole)?;
        for agreed in &whole.agreement {
            let text = format!("# How we work together, since {}\n\n{}", agreed.since, agreed.text);
            self.write(&format!("{name}/agreement-{}.md", agreed.since), &text)?;
        }
        for item in whole.items {
            let row = &item.row;
            let file = format!("{name}/{}/{}-{}.md", row.kind, slug(&row.title), &row.id[..8]);
            self.write(&file, &markdown(item, whole))?;
        }
        Ok(())
    }

    fn written(&mut self, name: &str, whole: app::Whole) -> Result<(), CliError> {
        self.json(&format!("{name}/{WRITTEN}"), &Written { v: 1, whole })
    }

    fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), CliError> {
        let json = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
        self.write(name, &(json + "\n"))
    }

    /// Writes a file, if it does not say so already.
    fn write(&mut self, name: &str, text: &str) -> Result<(), CliError> {
        let path = self.path.join(name);
        let failed = |source| CliError::Folder { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            self.written.insert(name.to_owned());
            return Ok(());
        }
        fs::write(&path, text).map_err(failed)?;
        self.written.insert(name.to_owned());
        Ok(())
    }
}

/// An item as a page.
fn markdown(item: &Item, whole: &Whole<'_>) -> String {
    let row = &item.row;
    let other = whole.other.unwrap_or("the other person");
    let whose = match row.owner {
        "you" => whole.you,
        "them" => other,
        _ => "both",
    };
    let mut text = format!("# {}\n\n- {} of {whose}\n", row.title, row.kind);
    if let Some(status) = &row.status {
        text.push_str(&format!("- {status}\n"));
    }
    for (name, value) in row.fields.iter().filter(|(name, value)| !item.texts.contains(name) && !value.is_empty()) {
        text.push_str(&format!("- {}: {}\n", render::field(name), when::said(name, value)));
    }
    if let Some(progress) = &row.progress {
        let tick = |ticked| if ticked { "x" } else { " " };
        let milestones = progress.milestones.iter();
        milestones.for_each(|it| text.push_str(&format!("- [{}] {}\n", tick(it.ticked), it.words)));
        progress.levels.iter().for_each(|(level, words)| text.push_str(&format!("- level {level}: {words}\n")));
        let name = |by: &str| if by == "you" { whole.you.to_owned() } else { by.to_owned() };
        let rating = |it: &super::item::Rating| format!("- {} {}: {} {}\n", it.date, name(&it.by), it.level, it.note);
        progress.ratings.iter().for_each(|it| text.push_str(&rating(it)));
    }
    for (name, words) in row.fields.iter().filter(|(name, words)| item.texts.contains(name) && !words.is_empty()) {
        text.push_str(&format!("\n## {}\n\n{}\n", render::field(name), words.trim_end()));
    }
    for (name, said) in row.said.iter().filter(|(_, said)| !said.is_empty()) {
        text.push_str(&format!("\n## {}\n\n", render::field(name)));
        said.iter().for_each(|it| text.push_str(&line(it, whole)));
    }
    if !item.comments.is_empty() {
        text.push_str("\n## comments\n\n");
    }
    for comment in &item.comments {
        let by = if comment.owner == "you" { whole.you } else { other };
        text.push_str(&format!("- {by}: {}\n", comment.words));
    }
    text
}

fn line(said: &Said, whole: &Whole<'_>) -> String {
    let by = said.by.as_deref().map(|by| if by == "you" { whole.you } else { by });
    let before: Vec<_> = [said.day.as_deref(), by].into_iter().flatten().collect();
    let words = said.words.replace('\n', "\n  ");
    if before.is_empty() { format!("- {words}\n") } else { format!("- {}: {words}\n", before.join(" ")) }
}

/// A title as the name of a file: letters and digits, in small.
fn slug(title: &str) -> String {
    let letters = title.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect::<String>();
    let words = letters.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase();
    let cut = words.chars().take(SLUG).collect::<String>();
    if cut.is_empty() { "untitled".to_owned() } else { cut.trim_end_matches('-').to_owned() }
}
