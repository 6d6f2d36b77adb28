//! Messages that the broker refused.

use std::time::Duration;

use gozon_outbox::desk::{Decision, DeskError};
use gozon_outbox::{DeadLetter, DeadLetterPage, Outbox, OutboxDatabase, Signature};
use serde_json::json;

use super::lines;

/// What an operator asks about dead letters of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskOutbox {
    /// Which there are.
    List(DeadLetterPage),
    /// Publish these again, each in its place.
    Replay(Vec<i64>, Signature),
    /// Give these up.
    Discard(Vec<i64>, Signature),
    /// What was decided, newest first.
    Decisions {
        /// Only those with a lower number.
        before: Option<i64>,
        /// At most so many.
        limit: u32,
    },
}

pub(super) async fn answer<D: OutboxDatabase>(
    outbox: &Outbox<D>,
    asked: &AskOutbox,
) -> Result<String, DeskError> {
    Ok(match asked {
        AskOutbox::List(page) => lines(outbox.dead_letters(page).await?.iter().map(dead_letter)),
        AskOutbox::Replay(seqs, signature) => {
            let replayed = outbox.replay(seqs, signature).await?;
            lines([decided("replayed", &replayed, seqs)])
        }
        AskOutbox::Discard(seqs, signature) => {
            let discarded = outbox.discard(seqs, signature).await?;
            lines([decided("discarded", &discarded, seqs)])
        }
        AskOutbox::Decisions { before, limit } => {
            let decisions = outbox.decisions(None, *before, *limit).await?;
            lines(decisions.iter().map(decision))
        }
    })
}

fn dead_letter(dead: &DeadLetter) -> serde_json::Value {
    json!({
        "number": dead.seq,
        "id": dead.id,
        "type": dead.kind,
        "key": dead.key,
        "reason": dead.reason,
        "attempts": dead.attempts,
        "bytes": dead.bytes,
        "age_seconds": dead.age.as_secs(),
        "dead_seconds": dead.dead_for.as_ref().map(Duration::as_secs),
    })
}

/// `left_alone` were not dead: already decided about, or never there.
fn decided(what: &str, done: &[i64], asked: &[i64]) -> serde_json::Value {
    let left: Vec<_> = asked.iter().filter(|seq| !done.contains(seq)).collect();
    json!({ what: done, "left_alone": left })
}

fn decision(made: &Decision) -> serde_json::Value {
    json!({
        "decision": made.number,
        "at": made.at.to_string(),
        "ruling": made.ruling.as_str(),
        "by": made.signature.by,
        "reason": made.signature.reason,
        "number": made.seq,
        "id": made.id,
        "type": made.kind,
        "key": made.key,
        "refused": made.refused,
    })
}

#[cfg(test)]
mod tests {
    use gozon_core::{Append, Clock, Envelope, MessageId, NewMessage, SystemClock};
    use gozon_outbox::OutboxConfig;
    use gozon_sqlx::{Db, Sqlite};

    use super::*;
    use crate::database::open_sqlite;
    use crate::dead_letters::DeadLetters;
    use crate::settings::{DatabaseSettings, DatabaseUrl};

    async fn with_dead_letters(settings: &DatabaseSettings) -> Db<Sqlite> {
        let DatabaseUrl::Sqlite(path) = &settings.url else {
            panic!("SQLite was set");
        };
        let db = open_sqlite(path, settings).await.unwrap();
        let outbox = Outbox::new(db.clone(), OutboxConfig::default()).unwrap();
        outbox.migrate().await.unwrap();
        let message = |key: &str| NewMessage {
            envelope: Envelope {
                id: MessageId::generate(),
                source: "/probe".into(),
                kind: "order_created".into(),
                subject: None,
                time: SystemClock.now(),
                content_type: "text/plain".into(),
                schema: None,
                key: Some(key.into()),
                correlation_id: None,
                causation_id: None,
                traceparent: None,
                tracestate: None,
                published_at: None,
                received_at: None,
                data: "too large".into(),
            },
            delay: None,
        };
        let mut tx = db.begin().await.unwrap();
        let messages = [message("a"), message("b")];
        outbox.append(&mut tx, &messages).await.unwrap();
        tx.commit().await.unwrap();
        sqlx::query("UPDATE gozon_outbox SET state = 'dead', last_error = 'the broker said no'")
            .execute(db.writer())
            .await
            .unwrap();
        db
    }

    #[tokio::test]
    async fn an_operator_lists_replays_discards_and_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.db");
        let settings = DatabaseSettings::new(DatabaseUrl::Sqlite(path));
        let db = with_dead_letters(&settings).await;
        let signature = Signature::new("maria", "larger queue");
        let say = async |asked: AskOutbox| {
            let DatabaseUrl::Sqlite(path) = &settings.url else {
                panic!("SQLite was set");
            };
            let asked = DeadLetters::Outbox(asked);
            let db = open_sqlite(path, &settings).await.unwrap();
            let text = crate::dead_letters::answer(db, &asked).await;
            let text = text.unwrap();
            let objects = text.lines().map(|line| serde_json::from_str(line).unwrap());
            objects.collect::<Vec<serde_json::Value>>()
        };

        let listed = say(AskOutbox::List(DeadLetterPage::default())).await;
        let replayed = say(AskOutbox::Replay(vec![1, 7], signature.clone())).await;
        let discarded = say(AskOutbox::Discard(vec![1, 2], signature)).await;
        let decisions = say(AskOutbox::Decisions {
            before: None,
            limit: 10,
        })
        .await;

        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0]["reason"], "the broker said no");
        assert_eq!(replayed, [json!({"replayed": [1], "left_alone": [7]})]);
        assert_eq!(discarded, [json!({"discarded": [2], "left_alone": [1]})]);
        let rulings: Vec<_> = decisions.iter().map(|made| &made["ruling"]).collect();
        assert_eq!(rulings, ["discarded", "replayed"]);
        assert!(decisions.iter().all(|made| made["by"] == "maria"));
        db.close().await;
    }
}
