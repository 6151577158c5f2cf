//! What the pages say about the code, as far as it can be looked up.

use std::{collections::BTreeSet, fs, path::Path};

/// Labels of hashes, signatures and keys that code uses and `docs/protocol.md` does not name.
pub(crate) fn undescribed_labels() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/protocol.md")).expect("the page is there");
    let mut labels = BTreeSet::new();
    for source in ["core/replica/src", "core/src"] {
        each_source(&root().join(source), &mut |text| {
            let code = text.split("#[cfg(test)]").next().unwrap_or(text);
            let strings = code.split('"').skip(1).step_by(2);
            labels.extend(strings.filter(|string| string.starts_with("alliance/1 ")).map(str::to_owned));
        });
    }
    assert!(labels.len() > 10, "the labels of the code were not found");
    labels.retain(|label| !page.contains(&format!("\"{label}\"")) && !page.contains(&format!("`{label}`")));
    labels
}

/// Tests that `docs/threat-model.md` names and that are nowhere.
pub(crate) fn unknown_tests() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).expect("the page is there");
    let is_name = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let mut named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(is_name).map(str::to_owned).collect();
    assert!(!named.is_empty(), "the page names no test");
    for source in ["core", "sync-server", "cli", "tests"] {
        each_source(&root().join(source), &mut |text| named.retain(|name| !text.contains(&format!("fn {name}("))));
    }
    named
}

fn each_source(folder: &Path, act: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            each_source(&path, act);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            act(&fs::read_to_string(&path).expect("a source file"));
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is in the workspace")
}
