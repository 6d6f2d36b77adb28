//! What the inbox adds to your service, all of it.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Envelope, NewMessage, NoOutbox};
use gozon_inbox::{Consumer, Each, HandleError, Handler, Inbox, InboxConfig};
use gozon_sqlx::{Db, Sqlite};
use sqlx::SqliteConnection;

use crate::ParcelSent;

/// Adds up what was sent. It takes no care against repeats: the mark that this
/// message was handled is in the same transaction.
struct AddUp;

#[async_trait]
impl Handler<SqliteConnection> for AddUp {
    async fn handle(
        &self,
        tx: &mut SqliteConnection,
        message: &Envelope,
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let parcel: ParcelSent = message.decode()?; // else a dead letter
        let add = sqlx::query("UPDATE total SET weight = weight + ?");
        add.bind(parcel.weight).execute(tx).await?; // else tried again
        Ok(())
    }
}

/// At start: the tables, and the consumer, to be run beside your server.
pub(crate) async fn consumer(db: Db<Sqlite>) -> anyhow::Result<Consumer<Sqlite>> {
    let inbox = Inbox::new(db, InboxConfig::default())?;
    inbox.migrate().await?;
    Ok(inbox.consumer(crate::parcels(), Arc::new(Each(AddUp)), Arc::new(NoOutbox)))
}
