//! Every bound of the protocol in one place. A replica that enlarges one stops interoperating.

/// The protocol version that this code speaks.
pub const VERSION: u16 = 1;
/// The oldest version that this code still speaks (N − 2 is the promise).
pub const OLDEST_VERSION: u16 = 1;

/// Most bytes of an entry header (one is about 100).
pub const HEADER: usize = 160;
/// Most bytes of a control body.
pub const CONTROL_BODY: usize = 64 * 1024;
/// Most bytes of a sealed content body.
pub const CONTENT_BODY: usize = 1024 * 1024;
/// Most bytes of one frame, with the byte that says its kind: of one WebSocket message.
pub const FRAME: usize = CONTENT_BODY + 64 * 1024;
/// Bytes of entries after which a sender closes an `Entries` frame.
pub const PATH_BYTES: usize = 256 * 1024;
/// Most entries in one `Entries` frame.
pub const PATH_ENTRIES: usize = 512;

/// Most heads in one `after`.
pub const AFTER: usize = 512;
/// Most heads in one `Have` or `Ack`.
pub const HEADS: usize = 4096;
/// Most back points a chain.
pub const BACK_POINTS: usize = 64 * 16;
/// Most device keys wrapped by one epoch or grant, and most parents of one epoch.
pub const WRAPS: usize = 256;
/// Most control entries of a member's devices and invitations in a space.
pub const CONTROL_ENTRIES: usize = 6 * 1024;
/// Most cuts and leaves of a member beyond that, and most control entries of its recovery keys.
pub const CONTROL_RESERVE: usize = 1024;
/// Most records by which a member's devices, or its recovery keys, add a device or make an invitation in a space.
pub const INTRODUCTIONS: usize = 256;
/// Most entries by a key that is only an invitation's; all of them redemptions.
pub const REDEMPTIONS: usize = 16;
/// Most entries that wait for a predecessor or for their author to become known, a space.
pub const WAITING: usize = 1024;
/// Most bytes of such waiting entries, a space.
pub const WAITING_BYTES: usize = 8 * 1024 * 1024;
/// Most channels on one connection.
pub const CHANNELS: usize = 256;

/// Most bytes of control entries of a space that are taken by somebody who does not have it yet: who joins, or comes back
/// by words. A relay keeps less.
pub const CONTROL: usize = 128 * 1024 * 1024;

/// Most bytes to which the parts of one entry may inflate.
pub const INFLATED: usize = 64 * 1024 * 1024;
/// Most documents in one entry.
pub const PARTS: usize = 4096;
/// Most bytes of one text, in UTF-8.
pub const TEXT: usize = 512 * 1024;
/// Most operations in all changes of one entry.
pub const ENTRY_OPS: usize = 2 * CHANGE_OPS;
/// Most operations in one change.
pub const CHANGE_OPS: usize = 1024 * 1024;
/// Most seconds between 1970 and the time of a change, either way: differences of times fit in 64 bits.
pub const CHANGE_TIME: i64 = 1 << 53;
/// Most operations in the history of one document.
pub const DOCUMENT_OPS: usize = 16 * 1024 * 1024;
