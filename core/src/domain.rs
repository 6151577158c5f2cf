//! FROM THE LEAD (replace this comment): `app` on main already calls exactly these. Please implement these signatures
//! (see /work/main/core/src/app/{intent,profile,documents,apply,query}.rs for the calls) and register in lib.rs.
//!
//! ```ignore
//! pub struct Plan { pub kind: KindName, pub owner: Option<MemberId>, pub edits: Vec<(Writer, Vec<Edit>)> }  // edits of one item
//! pub enum DomainError                                                   // thiserror; NotYours, BadTitle, UnknownStatus…
//! pub fn schema(preimage: &Preimage, writer: &Writer) -> Schema;         // empty schema for unknown kinds
//! pub fn check_title(title: &str) -> Result<(), DomainError>;
//! pub fn share(preimage: &Preimage, source: &ItemId, facets: &BTreeMap<Writer, Document>, me: MemberId) -> Result<Plan, DomainError>; // copy of a note (goal too if easy); error for kinds that cannot be shared
//! pub fn keep(preimage: &Preimage, me: MemberId, field: &str, value: &Scalar) -> Result<Plan, DomainError>;   // writes the chosen value over all; field names as in view::Conflict::field
//! impl note::Intent { pub fn plan(&self, me: MemberId, item: Option<&Preimage>) -> Result<Plan, DomainError> }  // item None for Add; same for goal, alliance
//! pub mod alliance { pub fn kind() -> KindName; pub fn check_name(&str), check_role(&str) -> Result<(), DomainError>; pub fn check_relay(url: &str) -> Result<String /*normal form, http(s)://host[:port] without trailing slash*/, DomainError>; shared keys "title", set "relays" (plain URLs), own facet keys "name", "role"; pub enum Intent { Edit { title, purpose: Option<TextEdit> } } }
//! pub mod recovery { pub fn kind() -> KindName /* "recovery": lives in the personal space only, never shown in lists */; pub fn keep(alliance: &SpaceId, sealed: &[u8]) -> Vec<Edit> }
//! // view
//! pub struct Row { kind, title: String, status: Option<String>, owner: Option<String hex>, creator.., fields: BTreeMap<String, String> (every register and set as plain text), texts: BTreeMap<String, String> first 200 chars, conflicts: Vec<Conflict>, heads: …, names: for alliance items BTreeMap<member hex, {name, role}> }  Serialize + Deserialize
//! pub struct Conflict { pub field: String, pub values: Vec<ConflictValue { pub value: Scalar, pub text: String, pub by: Option<DeviceId as hex>, pub member: Option<hex> }> }
//! pub fn view::row(item: ItemId, preimage: &Preimage, facets: &BTreeMap<Writer, Document>, devices: &BTreeMap<DeviceId, MemberId>) -> Row;
//! // document: please add `Document::missing(&self, changes: &[Change]) -> Vec<ChangeHash>` (deps neither known (counted or left out) nor among `changes`), as apply() computes.
//! // document::EditError: app::AppError has #[from] for EditError.
//! ```
