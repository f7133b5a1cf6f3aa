//! The engine: from a client's request to an answer, through one account or several.
//!
//! It names no dialect and no provider: dialects come from their registry, places from theirs.

mod adjust;
mod admit;
mod allowance;
mod app;
mod attempt;
mod bucket;
mod changes;
mod channels;
mod checkup;
mod compact;
mod contradictions;
mod conversation;
mod cors;
mod count;
mod current;
mod edge;
mod embed;
mod errand;
mod estimate;
mod events;
mod explain;
mod fallback;
mod faults;
mod fetched;
mod few;
mod fidelity;
mod files;
mod glob;
mod headers;
mod hedge;
mod inbound;
mod judge;
mod kept;
mod lacking;
mod lanes;
mod lists;
mod management;
mod months;
mod names;
mod outflow;
mod pass;
mod paths;
mod payload;
mod proofs;
mod quota;
mod race;
mod record;
mod refused;
mod rejection;
mod relay;
mod restore;
mod route;
mod routes;
mod scope;
mod seats;
mod serve;
mod sieve;
mod snapshot;
mod socket;
mod sync;
mod told;
mod trail;
mod translate;
mod tries;
mod turns;
mod upkeep;
mod upload;
mod wrap;

pub use app::{App, Worker};
pub use changes::{Changes, Difference};
pub use explain::{
    Candidate, Checked, Explanation, Extent, Hedged, Hedging, Hindrance, LeftOut, Next, Pick, Question, Reason, Speaks,
    State, Told, Way,
};
pub use files::{Folder, Remark, Shelf, Shelved, Unread, account_types, check_account};
pub use lists::Lists;
pub use management::{Order, Reloaded};
pub use snapshot::{Snapshot, SnapshotError};
pub use upkeep::Upkeep;
