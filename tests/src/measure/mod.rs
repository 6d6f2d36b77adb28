//! What the measuring examples share: what a run cost a database, and the table
//! of the results.

mod database;
mod report;

pub use self::database::Databases;
pub use self::report::{Report, per_unit};
