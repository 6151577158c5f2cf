//! A backup file as bytes: sealed in chunks under a key of its own, which is sealed to whoever may open the file.
//!
//! `magic ‖ version ‖ length of the header (2 bytes) ‖ header ‖ chunks`. A chunk is bound to its number, to whether it is
//! the last one, and, by the key, to all that stands before the first: so a file that was cut short, put in another order
//! or put together from two is noticed. What the bytes inside say is the business of `app`.

use std::io::{self, Read, Write};

use alliance_replica::{log::control::Keys, wire};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    device::DeviceSecret,
    epoch::EpochKey,
    primitives::{self, ENCAPSULATED, NONCE, TAG},
};

const MAGIC: [u8; 16] = *b"alliance backup\n";
const VERSION: u8 = 1;
const RECIPIENT: &str = "alliance/1 backup recipient";
const EPOCH: &str = "alliance/1 backup epoch";
const KEY: &str = "alliance/1 backup key";
const CHUNK: &str = "alliance/1 backup chunk";

/// Plaintext bytes of every chunk but the last.
const PLAIN: usize = 64 * 1024;
const SEALED: usize = NONCE + PLAIN + TAG;
/// Most keys to which a file is sealed.
const RECIPIENTS: usize = 16;
/// Most bytes of a header.
const HEADER: usize = 2048;

/// What stands before the chunks: the file's key, sealed.
#[derive(PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
struct Header {
    /// To public keys. Nothing tells to which.
    #[n(0)]
    #[cbor(decode_with = "wire::list::<_, _, RECIPIENTS>")]
    recipients: Vec<Slot>,
    /// Under an epoch's key, so that every computer that has it opens the file.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    epoch: Option<[u8; NONCE + 32 + TAG]>,
}

#[derive(PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(transparent)]
struct Slot(#[cbor(with = "minicbor::bytes")] [u8; ENCAPSULATED + 32 + TAG]);

/// Why bytes are no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They do not begin as a backup does.
    #[error("it is not a backup that `alliance backup create` made")]
    Foreign,
    /// A later version of the program made it.
    #[error("it has format {0}, this program knows format {VERSION}")]
    Newer(u8),
    /// None of the keys opens it.
    #[error("it is sealed for somebody else")]
    NotYours,
    /// It was changed, cut short or put together since it was made.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// The system.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
}

/// Whose keys may open a file.
#[derive(Default)]
pub struct Opening<'a> {
    /// Devices, or recovery keys.
    pub devices: Vec<&'a DeviceSecret>,
    /// Epochs of the personal space.
    pub epochs: Vec<&'a EpochKey>,
}

/// A file that is written.
pub struct Sealer<W> {
    into: W,
    key: Zeroizing<[u8; 32]>,
    plain: Zeroizing<Vec<u8>>,
    number: u64,
}

impl<W: Write> Sealer<W> {
    /// Begins a file that these keys open, and whoever has the epoch's.
    pub fn new(mut into: W, to: &[Keys], epoch: Option<&EpochKey>, rng: &mut dyn CryptoRng) -> io::Result<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *secret);
        let mut recipients = Vec::new();
        for keys in to.iter().take(RECIPIENTS) {
            // To a useless key nothing can be sealed; its owner has no other way either.
            let Ok(sealed) = primitives::hpke_seal(&keys.seal, RECIPIENT.as_bytes(), &*secret, rng) else { continue };
            recipients.extend(<[u8; 80]>::try_from(sealed).ok().map(Slot));
        }
        let under = |epoch: &EpochKey| primitives::seal(epoch.as_bytes(), EPOCH.as_bytes(), &*secret, rng);
        let epoch = epoch.map(under).and_then(|sealed| sealed.try_into().ok());
        let header = wire::encode(&Header { recipients, epoch });
        let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_be_bytes();
        let begins = [&MAGIC[..], &[VERSION], &length, &header].concat();
        into.write_all(&begins)?;
        Ok(Self { into, key: primitives::derive(&secret, KEY, &[&begins]), plain: Zeroizing::default(), number: 0 })
    }

    /// Adds bytes.
    pub fn push(&mut self, mut bytes: &[u8], rng: &mut dyn CryptoRng) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.plain.len() == PLAIN {
                self.seal(false, rng)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PLAIN - self.plain.len()));
            self.plain.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self, rng: &mut dyn CryptoRng) -> io::Result<W> {
        self.seal(true, rng)?;
        self.into.flush()?;
        Ok(self.into)
    }

    fn seal(&mut self, last: bool, rng: &mut dyn CryptoRng) -> io::Result<()> {
        let sealed = primitives::seal(&self.key, &place(self.number, last), &self.plain, rng);
        self.into.write_all(&sealed)?;
        self.plain.clear();
        self.number += 1;
        Ok(())
    }
}

/// A file that is read, chunk after chunk: no byte is handed out before its chunk was found right.
pub struct Opener<R> {
    from: R,
    key: Zeroizing<[u8; 32]>,
    /// Sealed bytes that were read, one more than a chunk has if there is another one.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    at: usize,
    number: u64,
    last: bool,
}

impl<R: Read> Opener<R> {
    /// Begins to read a file.
    pub fn new(mut from: R, with: &Opening<'_>) -> Result<Self, Error> {
        let mut begins = Vec::new();
        (&mut from).take(MAGIC.len() as u64 + 3).read_to_end(&mut begins).map_err(Error::Io)?;
        let rest = begins.strip_prefix(&MAGIC).ok_or(Error::Foreign)?;
        let &[version, high, low] = rest else { return Err(Error::Damaged("it ends too early")) };
        if version != VERSION {
            return Err(Error::Newer(version));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let read = (&mut from).take(length as u64).read_to_end(&mut begins).map_err(Error::Io)?;
        if read < length {
            return Err(Error::Damaged("it ends too early"));
        }
        let header = &begins[begins.len() - length..];
        let header: Header = wire::decode("header", header, HEADER).map_err(|_| Error::Damaged("its beginning"))?;
        let secret = header.open(with).ok_or(Error::NotYours)?;
        let key = primitives::derive(&secret, KEY, &[&begins]);
        let (ahead, plain) = (Vec::new(), Zeroizing::default());
        Ok(Self { from, key, ahead, plain, at: 0, number: 0, last: false })
    }

    /// Exactly so many bytes, or nothing if the file has ended before the first of them. Memory is taken for what is there,
    /// not for what is asked for.
    pub fn read(&mut self, count: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let mut bytes = Zeroizing::new(Vec::new());
        while bytes.len() < count {
            if self.at == self.plain.len() && !self.open_next()? {
                if bytes.is_empty() {
                    return Ok(None);
                }
                return Err(Error::Damaged("it ends too early"));
            }
            let now = (count - bytes.len()).min(self.plain.len() - self.at);
            bytes.extend_from_slice(&self.plain[self.at..self.at + now]);
            self.at += now;
        }
        Ok(Some(bytes))
    }

    /// Opens the next chunk; false if there is none.
    fn open_next(&mut self) -> Result<bool, Error> {
        if self.last {
            return Ok(false);
        }
        let want = SEALED + 1 - self.ahead.len();
        (&mut self.from).take(want as u64).read_to_end(&mut self.ahead).map_err(Error::Io)?;
        self.last = self.ahead.len() <= SEALED;
        let later = self.ahead.split_off(self.ahead.len().min(SEALED));
        let sealed = std::mem::replace(&mut self.ahead, later);
        let opened = primitives::open(&self.key, &place(self.number, self.last), &sealed);
        self.plain = opened.map_err(|_| Error::Damaged("it was changed or cut short"))?;
        self.number += 1;
        self.at = 0;
        if self.plain.is_empty() { self.open_next() } else { Ok(true) }
    }
}

impl Header {
    fn open(&self, with: &Opening<'_>) -> Option<Zeroizing<[u8; 32]>> {
        let by_device = |device: &&DeviceSecret| {
            let mut opened = self.recipients.iter().map(|slot| device.open(RECIPIENT.as_bytes(), &slot.0));
            opened.find_map(Result::ok)
        };
        let by_epoch = |epoch: &&EpochKey| primitives::open(epoch.as_bytes(), EPOCH.as_bytes(), &self.epoch?).ok();
        let opened = with.devices.iter().find_map(by_device).or_else(|| with.epochs.iter().find_map(by_epoch))?;
        opened.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

fn place(number: u64, last: bool) -> Vec<u8> {
    [CHUNK.as_bytes(), &number.to_be_bytes(), &[u8::from(last)]].concat()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn device(n: u8) -> DeviceSecret {
        DeviceSecret::from_bytes(&[n; 64])
    }

    fn sealed(plain: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        let to = [device(1).keys(), device(2).keys()];
        let mut sealer = Sealer::new(Vec::new(), &to, Some(&EpochKey::from_bytes(&[4; 32])), rng).expect("begins");
        plain.chunks(1000).for_each(|bytes| sealer.push(bytes, rng).expect("takes bytes"));
        sealer.finish(rng).expect("ends")
    }

    fn opened(file: &[u8], with: &Opening<'_>) -> Result<Vec<u8>, Error> {
        let mut opener = Opener::new(file, with)?;
        let mut all = Vec::new();
        while let Some(byte) = opener.read(1)? {
            all.extend_from_slice(&byte);
        }
        Ok(all)
    }

    fn by(device: &DeviceSecret) -> Opening<'_> {
        Opening { devices: vec![device], epochs: Vec::new() }
    }

    #[test]
    fn each_recipient_and_whoever_has_the_epoch_opens_it_and_nobody_else() {
        for size in [0, 1, PLAIN - 1, PLAIN, PLAIN + 1, 2 * PLAIN, 2 * PLAIN + 7] {
            let plain: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let file = sealed(&plain, &mut rng());
            for n in [1, 2] {
                assert_eq!(opened(&file, &by(&device(n))).expect("opens"), plain, "{size} bytes");
            }
            let epoch = EpochKey::from_bytes(&[4; 32]);
            let with = Opening { devices: Vec::new(), epochs: vec![&epoch] };
            assert_eq!(opened(&file, &with).expect("opens"), plain);
            assert!(matches!(opened(&file, &by(&device(3))), Err(Error::NotYours)));
        }
    }

    #[test]
    fn what_was_cut_short_changed_or_put_in_another_order_is_refused() {
        let plain = vec![5; 3 * PLAIN];
        let file = sealed(&plain, &mut rng());
        let begins = file.len() - 3 * SEALED;
        let device = device(1);
        let wrong = |file: &[u8]| matches!(opened(file, &by(&device)), Err(Error::Damaged(_)));
        for length in [begins, begins + 1, begins + SEALED, begins + SEALED + 1, file.len() - SEALED, file.len() - 1] {
            assert!(wrong(&file[..length]), "{length} bytes");
        }
        assert!(wrong(&[&file[..], &[0]].concat()), "a byte too many");
        let chunk = |at: usize| &file[begins + at * SEALED..begins + (at + 1) * SEALED];
        assert!(wrong(&[&file[..begins], chunk(1), chunk(0), chunk(2)].concat()), "another order");
        assert!(wrong(&[&file[..begins], chunk(0), chunk(2)].concat()), "one left out");
        let other = sealed(&plain, &mut ChaCha20Rng::from_seed([8; 32]));
        assert!(wrong(&[&file[..begins + SEALED], &other[begins + SEALED..]].concat()), "of two files");
        assert!(wrong(&[&other[..begins], &file[begins..]].concat()), "another beginning");
        for at in [begins, begins + NONCE, begins + SEALED + 9, file.len() - 1] {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(wrong(&bad), "byte {at}");
        }
    }

    #[test]
    fn every_byte_of_the_beginning_counts() {
        let file = sealed(b"x", &mut rng());
        let begins = file.len() - NONCE - 1 - TAG;
        for at in 0..begins {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(opened(&bad, &by(&device(1))).is_err(), "byte {at}");
            assert!(opened(&file[..at], &by(&device(1))).is_err(), "length {at}");
        }
        let mut newer = file;
        newer[16] = 2;
        assert!(matches!(opened(&newer, &by(&device(1))), Err(Error::Newer(2))));
        assert!(matches!(opened(b"", &by(&device(1))), Err(Error::Foreign)));
        assert!(matches!(opened(b"SQLite format 3\0....", &by(&device(1))), Err(Error::Foreign)));
    }
}
