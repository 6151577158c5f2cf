//! Disks that are full or may not be written, and files that are damaged: for one program at a time.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::program::Ran;

/// A disk of its own with little room that lies over a folder, with what was in it. Only whoever is put on it sees it; it
/// is gone when dropped.
pub struct SmallDisk {
    folder: PathBuf,
    holder: Child,
    enter: &'static [&'static str],
}

impl SmallDisk {
    const BYTES: usize = 32 * 1024 * 1024;

    /// A disk over a folder; nothing if this computer does not let us.
    ///
    /// # Panics
    /// If the folder cannot be copied onto it.
    pub fn over(folder: &Path) -> Option<Self> {
        let script = "mkdir -p \"$0-disk\" && mount -t tmpfs -o size=$1 small \"$0-disk\" && cp -a \"$0/.\" \"$0-disk\" \
            && mount --bind \"$0-disk\" \"$0\" && echo ready && exec cat";
        let ways: [(_, &[_]); 2] =
            [(["unshare", "-m"], &["-m"]), (["unshare", "-rm"], &["-m", "-U", "--preserve-credentials"])];
        ways.into_iter().find_map(|(unshare, enter)| {
            let mut command = Command::new(unshare[0]);
            command.arg(unshare[1]).args(["sh", "-c", script]).arg(folder).arg(Self::BYTES.to_string());
            let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut disk = Self { folder: folder.to_owned(), holder: piped.spawn().ok()?, enter };
            let mut word = [0; 5];
            let is_ready = disk.holder.stdout.as_mut().expect("piped").read_exact(&mut word).is_ok();
            (is_ready && run(disk.on(&Command::new("true"))).code == Some(0)).then_some(disk)
        })
    }

    /// The same command, put on this disk.
    pub fn on(&self, command: &Command) -> Command {
        let holder = self.holder.id().to_string();
        wrapped(command, &[&["nsenter", "-t", &holder], self.enter, &["--"]].concat())
    }

    /// Leaves no room.
    ///
    /// # Panics
    /// If there is still some.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.filler()).expect("a file");
        let full = file.write_all(&vec![1; Self::BYTES]).expect_err("it is smaller");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    /// Gives the room back that was taken.
    ///
    /// # Panics
    /// If none was taken.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }

    /// Takes the disk away, and puts what is on it into the folder.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn take_away(self) {
        fs::remove_dir_all(&self.folder).expect("removed");
        copy_folder(&self.inside(), &self.folder);
    }

    fn filler(&self) -> PathBuf {
        self.inside().join("filler")
    }

    /// The disk as those see it who are on it: where it was mounted first, which stays when the folder goes.
    fn inside(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}-disk", self.holder.id(), self.folder.display()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

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
