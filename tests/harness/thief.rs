//! Whoever has the disk of a lost computer, and everything that a relay was ever given.

use std::{collections::BTreeSet, fs, path::Path};

use alliance_core::keys::{Content, DeviceSecret, EpochKey, Invitation, Keyring, seal};
use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, Signature, SpaceId},
    log::{
        Log,
        entry::{Entry, Header},
        heads::Chain,
    },
};
use automerge::Automerge;
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER_PERMISSIVE};
use rusqlite::{Connection, types::ValueRef};

/// Bytes of a key, and of either half of a device's.
const KEY: usize = 32;
/// Most bytes that an entry's documents unpack to.
const MOST: usize = 64 * 1024 * 1024;
/// How an invitation begins.
const INVITATION: &[u8] = b"alliance:";

/// What is on a disk, opened as far as its own keys open it.
pub struct Thief {
    blobs: Vec<Vec<u8>>,
    strings: BTreeSet<[u8; KEY]>,
    devices: Vec<DeviceSecret>,
    epochs: Vec<[u8; KEY]>,
}

/// An entry of a space, and whose it is.
pub struct Logged {
    /// Its name.
    pub id: EntryId,
    /// Its author.
    pub device: DeviceId,
    /// Its header.
    pub header: Header,
    /// The entry.
    pub entry: Entry,
}

impl Thief {
    /// Takes everything from the folder of a profile: its files as they are, every value of every table, every change of
    /// every document, and everything that its keys open of its log.
    ///
    /// # Panics
    /// If it is no profile.
    pub fn steal(folder: &Path) -> Self {
        let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        let mut blobs: Vec<_> = files.map(|file| fs::read(file).expect("bytes")).collect();
        let profile = Connection::open(folder.join("profile.db")).expect("a profile");
        let tables = blobs_of(&profile, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        for table in tables {
            let table = String::from_utf8(table).expect("a name");
            blobs.extend(blobs_of(&profile, &format!("SELECT * FROM \"{table}\"")));
        }
        for saved in blobs_of(&profile, "SELECT bytes FROM saved") {
            let document = Automerge::load(&saved).expect("a document");
            blobs.extend(document.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()));
        }
        let epochs: Vec<[u8; KEY]> = secrets(&profile, "SELECT key FROM epochs");
        for space in spaces(&profile) {
            let keyring = Self::keyring(&space, &epochs);
            for it in logged(&profile, &space) {
                blobs.extend(opened(&keyring, &it).into_iter().flatten());
            }
        }
        let mut devices = devices(&profile);
        let invitations = blobs.iter().flat_map(|bytes| invitations(bytes)).collect::<BTreeSet<_>>();
        let invitations = invitations.iter().filter_map(|text| Invitation::parse(text).ok());
        devices.extend(invitations.map(|it| it.device_secret()));
        let strings = blobs.iter().flat_map(|bytes| strings(bytes)).collect();
        Self { blobs, strings, devices, epochs }
    }

    /// The keys of devices and invitations that are among it.
    pub fn devices(&self) -> &[DeviceSecret] {
        &self.devices
    }

    /// True if any 32 bytes of a secret stand anywhere: as they are, as hexadecimal digits or in base 64.
    pub fn has(&self, secret: &[u8]) -> bool {
        secret.chunks_exact(KEY).any(|part| self.strings.contains(part))
    }

    /// True if these bytes stand anywhere as they are.
    pub fn reads(&self, text: &[u8]) -> bool {
        self.blobs.iter().any(|bytes| crate::search::holds(bytes, text))
    }

    /// Everything that its keys open of a space, given all that anybody ever sent there: epochs and entries.
    pub fn opens(&self, space: &SpaceId, all: &[Logged]) -> (BTreeSet<EpochId>, BTreeSet<EntryId>) {
        let mut keyring = Self::keyring(space, &self.epochs);
        let log = control(space, all);
        let records = log.dag().entries().map(|(id, author, control)| (id, author, &control.record));
        keyring.learn(records, &self.devices.iter().collect::<Vec<_>>());
        let contents = all.iter().filter(|it| opened(&keyring, it).is_some()).map(|it| it.id).collect();
        (keyring.epochs().copied().collect(), contents)
    }

    /// Every key of an epoch, of whichever space it is.
    fn keyring(space: &SpaceId, epochs: &[[u8; KEY]]) -> Keyring {
        let mut keyring = Keyring::new(*space);
        epochs.iter().for_each(|key| _ = keyring.insert(EpochKey::from_bytes(key)));
        keyring
    }
}

/// Keys of devices that a profile has: its own, and those of invitations.
///
/// # Panics
/// If it is no profile.
pub fn devices(profile: &Connection) -> Vec<DeviceSecret> {
    let all: Vec<[u8; 2 * KEY]> =
        secrets(profile, "SELECT secret FROM spaces UNION ALL SELECT secret FROM invitations");
    all.iter().map(DeviceSecret::from_bytes).collect()
}

/// Keys of epochs that a profile has in a space.
///
/// # Panics
/// If it is no profile.
pub fn epochs(profile: &Connection, space: &SpaceId) -> Vec<(EpochId, [u8; KEY])> {
    let all: Vec<[u8; KEY]> = secrets(profile, "SELECT key FROM epochs");
    all.into_iter().map(|key| (EpochId::of(space, &key), key)).collect()
}

/// The spaces of a profile.
///
/// # Panics
/// If it is no profile.
pub fn spaces(profile: &Connection) -> Vec<SpaceId> {
    let names = blobs_of(profile, "SELECT space FROM spaces");
    names.iter().map(|name| SpaceId::from_slice(name).expect("a name")).collect()
}

/// The entries of a space that a profile has, in order of arrival.
///
/// # Panics
/// If it is no profile.
pub fn logged(profile: &Connection, space: &SpaceId) -> Vec<Logged> {
    let all = "SELECT id, device, header, signature, body FROM entries WHERE space = ?1 ORDER BY n";
    let mut statement = profile.prepare(all).expect("a query");
    let rows = statement.query_map([space.as_ref()], |row| {
        let bytes = |column| row.get::<_, Vec<u8>>(column);
        let (id, device, header) = (bytes(0)?, bytes(1)?, bytes(2)?);
        Ok(Logged {
            id: EntryId::from_slice(&id).expect("an id"),
            device: DeviceId::from_slice(&device).expect("a device"),
            header: Header::decode(&header).expect("a header"),
            entry: Entry { header, signature: Signature(row.get(3)?), body: bytes(4)? },
        })
    });
    rows.expect("rows").map(|row| row.expect("an entry")).collect()
}

/// Who belongs to a space, by these entries.
pub fn control(space: &SpaceId, all: &[Logged]) -> Log {
    let mut log = Log::new(*space);
    for it in all.iter().filter(|it| it.header.chain == Chain::Control) {
        log.receive(&it.device, Chain::Control, vec![it.entry.clone()]);
    }
    log
}

/// What an entry says, and the documents in it, if a key opens it.
fn opened(keyring: &Keyring, it: &Logged) -> Option<Vec<Vec<u8>>> {
    let opened = seal::open(keyring, &it.device, &it.header.place(), &it.entry.body).ok()?;
    let mut all = vec![opened.plaintext.to_vec()];
    let content = Content::decode(&opened.plaintext).expect("content");
    let mut budget = MOST;
    all.extend(content.parts.iter().map(|part| part.unpack(&mut budget).expect("what was packed")));
    Some(all)
}

/// Every text and byte string in the rows of a query.
fn blobs_of(profile: &Connection, query: &str) -> Vec<Vec<u8>> {
    let mut statement = profile.prepare(query).expect("a query");
    let columns = statement.column_count();
    let mut rows = statement.query(()).expect("rows");
    let mut blobs = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        for column in 0..columns {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).expect("a value") {
                blobs.push(bytes.to_vec());
            }
        }
    }
    blobs
}

fn secrets<const N: usize>(profile: &Connection, query: &str) -> Vec<[u8; N]> {
    blobs_of(profile, query).into_iter().map(|bytes| bytes.try_into().expect("a secret")).collect()
}

/// Whatever may be the text of an invitation.
fn invitations(bytes: &[u8]) -> Vec<String> {
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(INVITATION));
    let text = |at: usize| {
        let rest = bytes[at + INVITATION.len()..].iter();
        let rest = rest.take_while(|it| it.is_ascii_alphanumeric() || b"-_#".contains(it)).map(|it| char::from(*it));
        "alliance:".chars().chain(rest).collect()
    };
    starts.map(text).collect()
}

/// Every 32 bytes in a row that are there, or that digits and letters which are there say.
fn strings(bytes: &[u8]) -> Vec<[u8; KEY]> {
    let is_of_64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut all = windows(bytes);
    all.extend(said(bytes, &HEXLOWER_PERMISSIVE, 2, u8::is_ascii_hexdigit));
    all.extend(said(bytes, &BASE64_NOPAD, 4, is_of_64));
    all.extend(said(bytes, &BASE64URL_NOPAD, 4, is_of_64));
    all
}

/// What letters in groups say, wherever the first group begins.
fn said(bytes: &[u8], encoding: &Encoding, group: usize, is_letter: impl Fn(&u8) -> bool) -> Vec<[u8; KEY]> {
    let runs = bytes.split(|byte| !is_letter(byte)).filter(|run| run.len() > KEY);
    let shifted = runs.flat_map(|run| (0..group).map(move |shift| &run[shift..]));
    shifted.flat_map(|run| windows(&decoded(encoding, run, group))).collect()
}

fn decoded(encoding: &Encoding, letters: &[u8], group: usize) -> Vec<u8> {
    encoding.decode(&letters[..letters.len() / group * group]).unwrap_or_default()
}

fn windows(bytes: &[u8]) -> Vec<[u8; KEY]> {
    bytes.windows(KEY).map(|part| part.try_into().expect("so long")).collect()
}
