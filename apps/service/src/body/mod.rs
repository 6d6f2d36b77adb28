//! Request bodies: JSON objects, read strictly.
//!
//! *Unreadable* (not JSON) is 400; *readable but refused* (not an object, an
//! unknown, repeated, missing or wrong field) is 422 and names the field.

mod amount;
mod description;
mod fields;
mod json;
mod object;

pub use amount::Amount;
pub use description::Description;
pub use json::{BodyLimit, Json, read_limited};
