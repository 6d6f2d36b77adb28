//! Which lines are occupied, asked of the store itself: consumers ask again under
//! locks, so that an answer with too many would only cost them.

use std::collections::HashSet;

use gozon_inbox::{Inbox, InboxConfig, InboxDatabase, Line};
use gozon_sqlx::Postgres;
use uuid::Uuid;

use super::database;

#[tokio::test]
async fn an_occupied_line_answers_for_itself_alone() {
    let (db, ()) = database().await;
    let inbox = Inbox::new(db.clone(), InboxConfig::default()).unwrap();
    inbox.migrate().await.unwrap();
    let lines = ["a", "b", "c"].map(Line::of);
    sqlx::query("INSERT INTO gozon_inbox_lines VALUES ('ours', $1, 1, $2), ('theirs', $3, 1, $2)")
        .bind(Uuid::from_bytes(lines[1].to_bytes()))
        .bind(Uuid::now_v7())
        .bind(Uuid::from_bytes(lines[2].to_bytes()))
        .execute(db.writer())
        .await
        .unwrap();

    let store = Postgres::inbox_store(&db);
    let occupied = store.occupied_lines("ours", &lines).await.unwrap();

    assert_eq!(occupied, HashSet::from([lines[1]]));
}
