//! The subcommand `dead-letters`: what an operator sees of the messages that the
//! broker refused or that no handler could take, and decides about them, beside
//! the running service.

mod command;
mod inbox;
mod outbox;

use std::fmt::Write as _;

use anyhow::Context;
use gozon_inbox::{Inbox, InboxConfig, InboxDatabase};
use gozon_outbox::{Outbox, OutboxConfig, OutboxDatabase};
use gozon_sqlx::Db;
use tokio_util::sync::CancellationToken;

pub(crate) use command::{NAME, command, read};
pub use inbox::AskInbox;
pub use outbox::AskOutbox;

use crate::database::{connect_postgres, open_sqlite};
use crate::settings::{DatabaseSettings, DatabaseUrl};

/// What an operator asks about dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetters {
    /// About those of the outbox, which the broker refused.
    Outbox(AskOutbox),
    /// About those of the inbox, which no handler could take.
    Inbox(AskInbox),
}

/// Does what was asked, and returns what is to be printed: one JSON object a line.
///
/// # Errors
/// When the database cannot be had, or refuses.
pub(crate) fn run(settings: &DatabaseSettings, asked: &DeadLetters) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        match &settings.url {
            DatabaseUrl::Postgres(url) => {
                let name = "gozon-dead-letters";
                let never = CancellationToken::new();
                answer(connect_postgres(name, url, settings, &never).await?, asked).await
            }
            DatabaseUrl::Sqlite(path) => answer(open_sqlite(path, settings).await?, asked).await,
        }
    })
}

async fn answer<D: OutboxDatabase + InboxDatabase>(
    db: Db<D>,
    asked: &DeadLetters,
) -> anyhow::Result<String> {
    // No migration: the service brings its tables up to date, not its operator.
    let answer = match asked {
        DeadLetters::Outbox(asked) => {
            let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
            outbox::answer(&outbox, asked).await.map_err(Into::into)
        }
        DeadLetters::Inbox(asked) => {
            let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
            inbox::answer(&inbox, asked).await
        }
    };
    db.close().await;
    answer
}

fn lines(objects: impl IntoIterator<Item = serde_json::Value>) -> String {
    let mut text = String::new();
    for object in objects {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{object}");
    }
    text
}
