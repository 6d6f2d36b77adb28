use std::time::Duration;

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_sqlx::{Db, DbError};

use crate::database::InboxDatabase;
use crate::store::State;

/// How the rules look into a database and turn its time.
#[async_trait]
pub trait Probe: InboxDatabase {
    /// Creates the table of effects.
    async fn prepare(db: &Db<Self>);
    /// Leaves an effect.
    async fn write(tx: &mut Self::Tx, effect: &str) -> Result<(), DbError>;
    /// All effects that were committed, sorted.
    async fn effects(db: &Db<Self>) -> Vec<String>;
    /// The mark of a message.
    async fn mark(db: &Db<Self>, consumer: &str, id: MessageId) -> Option<Mark>;
    /// Makes everything in the inbox older, instead of waiting.
    async fn age(db: &Db<Self>, by: Duration);
    /// True once a transaction waits for another's lock; where writers take
    /// turns before they begin, true at once.
    async fn has_waiter(db: &Db<Self>) -> bool;
    /// Makes a kept message unreadable.
    async fn spoil(db: &Db<Self>, id: MessageId);
}

/// A row of the inbox, as far as the rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Where the message stands.
    pub state: State,
    /// Attempts that were counted.
    pub attempts: i64,
}

impl Mark {
    /// Reads what stands in the table.
    pub fn read(state: &str, attempts: i64) -> Self {
        let state = State::parse(state).unwrap();
        Self { state, attempts }
    }
}
