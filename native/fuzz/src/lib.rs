//! What the core must do for all bytes; `make fuzz-native` looks for bytes for which it does not.
//!
//! The core's own files are compiled here, without PyO3. A buffer has no spare byte at its end: AddressSanitizer finds a
//! read beyond it.

#![allow(dead_code)]

#[path = "../../src/event.rs"]
mod event;
#[path = "../../src/index.rs"]
mod index;
#[path = "../../src/json.rs"]
mod json;
#[path = "../../src/pack.rs"]
mod pack;
#[path = "../../src/partitioner.rs"]
mod partitioner;
#[path = "../../src/rank.rs"]
mod rank;
#[path = "../../src/records.rs"]
mod records;
#[path = "../../src/restore.rs"]
mod restore;
#[path = "../../src/store.rs"]
mod store;
#[path = "../../src/table.rs"]
mod table;
#[path = "../../src/weeks.rs"]
mod weeks;

mod check_event;
mod check_records;
mod check_state;

pub use check_event::check_event;
pub use check_records::check_records;
pub use check_state::check_state;
