//! Disks that are full or may not be written, and files that are damaged: for one program at a time.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::program::Ran;

/// The same command where no file grows beyond so many bytes: what a full disk is for whoever writes.
pub fn full(command: &Command, bytes: u64) -> Command {
    // Blocks of 512 bytes; without the trap the signal would end the program.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
    wrapped(command, &["sh", "-c", &script, "sh"])
}

/// The same command where a folder may only be read; nothing if this computer does not let us.
pub fn read_only(command: &Command, folder: &Path) -> Option<Command> {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let folder = folder.to_str().expect("text");
    [["unshare", "-m"], ["unshare", "-rm"]].into_iter().find_map(|unshare| {
        let with = |command: &Command| wrapped(command, &[&unshare[..], &["sh", "-c", script, folder]].concat());
        let works = with(&Command::new("true")).stdout(Stdio::null()).stderr(Stdio::null()).status();
        works.is_ok_and(|status| status.success()).then(|| with(command))
    })
}

/// The same command, begun by these words.
pub fn wrapped(command: &Command, before: &[&str]) -> Command {
    let mut outer = Command::new(before[0]);
    outer.args(&before[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
pub fn run(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        typed: format!("{command:?}"),
        code: output.status.code(),
        signal: output.status.signal(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Writes other bytes over a part of a file, in place.
///
/// # Panics
/// If it is not that long.
pub fn damage(file: &Path, from: u64, length: usize) {
    let mut open = fs::OpenOptions::new().read(true).write(true).open(file).expect("a file");
    let mut bytes = vec![0; length];
    open.seek(SeekFrom::Start(from)).expect("seeks");
    open.read_exact(&mut bytes).expect("it is that long");
    bytes.iter_mut().for_each(|byte| *byte ^= 0xa5);
    open.seek(SeekFrom::Start(from)).expect("seeks");
    open.write_all(&bytes).expect("written");
}

/// Copies a folder with all that is in it.
///
/// # Panics
/// If it cannot be copied.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Every file under a folder, with its bytes.
///
/// # Panics
/// If one cannot be read.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return all };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("read");
            all.push((path, bytes));
        }
    }
    all
}
