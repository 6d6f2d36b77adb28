//! Messages that no handler could take.

use anyhow::Context;
use gozon_core::MessageId;
use gozon_inbox::{
    DeadLetter, DeadPosition, Decision, DecisionError, Inbox, InboxDatabase, Signature,
};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::lines;

/// What an operator asks about dead letters of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskInbox {
    /// Which there are, newest first.
    List {
        /// Whose, such as `payments.orders`.
        consumer: String,
        /// Only those behind this one: the next page.
        after: Option<DeadPosition>,
        /// At most so many.
        limit: u32,
    },
    /// Give these to their consumer once more.
    Replay {
        /// Whose.
        consumer: String,
        /// Which.
        ids: Vec<MessageId>,
        /// By whom, and why.
        signature: Signature,
    },
    /// Give these up.
    Discard {
        /// Whose.
        consumer: String,
        /// Which.
        ids: Vec<MessageId>,
        /// By whom, and why.
        signature: Signature,
    },
    /// What was decided, newest first.
    Decisions {
        /// Whose.
        consumer: String,
        /// Only those with a lower number.
        before: Option<i64>,
        /// At most so many.
        limit: u32,
    },
}

pub(super) async fn answer<D: InboxDatabase>(
    inbox: &Inbox<D>,
    asked: &AskInbox,
) -> anyhow::Result<String> {
    match asked {
        AskInbox::List {
            consumer,
            after,
            limit,
        } => {
            let letters = inbox.dead_letters(consumer, *after, *limit).await?;
            let letters: Result<Vec<_>, _> = letters.iter().map(dead_letter).collect();
            Ok(lines(letters?))
        }
        AskInbox::Replay {
            consumer,
            ids,
            signature,
        } => {
            let mut decided = Decided::new("replayed");
            for id in ids {
                decided.note(*id, inbox.replay(consumer, *id, signature).await)?;
            }
            Ok(decided.line())
        }
        AskInbox::Discard {
            consumer,
            ids,
            signature,
        } => {
            let mut decided = Decided::new("discarded");
            for id in ids {
                decided.note(*id, inbox.discard(consumer, *id, signature).await)?;
            }
            Ok(decided.line())
        }
        AskInbox::Decisions {
            consumer,
            before,
            limit,
        } => {
            let records = inbox.decisions(consumer, *before, *limit).await?;
            Ok(lines(records.iter().map(record)))
        }
    }
}

/// What became of each message that was decided about.
struct Decided {
    what: &'static str,
    done: Vec<MessageId>,
    left: Vec<serde_json::Value>,
}

impl Decided {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            done: Vec::new(),
            left: Vec::new(),
        }
    }

    /// One message that cannot be decided about does not keep the others from it;
    /// a database that fails does.
    fn note(&mut self, id: MessageId, decided: Result<(), DecisionError>) -> anyhow::Result<()> {
        match decided {
            Ok(()) => self.done.push(id),
            Err(error @ (DecisionError::Db(_) | DecisionError::Unsigned(_))) => {
                return Err(error.into());
            }
            Err(error) => self
                .left
                .push(json!({ "id": id, "because": error.to_string() })),
        }
        Ok(())
    }

    fn line(self) -> String {
        lines([json!({ self.what: self.done, "left_alone": self.left })])
    }
}

fn dead_letter(dead: &DeadLetter) -> Result<serde_json::Value, time::error::Format> {
    Ok(json!({
        "id": dead.id,
        "consumer": dead.consumer,
        "reason": dead.reason,
        "attempts": dead.attempts,
        "malformed": dead.malformed,
        "bytes": dead.data.len(),
        "received_at": dead.received_at.format(&Rfc3339)?,
        "position": write_position(dead.position())?,
    }))
}

fn record(made: &Decision) -> serde_json::Value {
    json!({
        "decision": made.id,
        "at": made.decided_at.to_string(),
        "ruling": made.ruling.as_str(),
        "by": made.signature.by,
        "reason": made.signature.reason,
        "id": made.letter.id,
        "refused": made.letter.reason,
    })
}

fn write_position(position: DeadPosition) -> Result<String, time::error::Format> {
    Ok(format!(
        "{}/{}",
        position.died_at.format(&Rfc3339)?,
        position.id
    ))
}

/// Reads the `position` of a letter that [`AskInbox::List`] printed.
pub(super) fn read_position(text: &str) -> anyhow::Result<DeadPosition> {
    let (died_at, id) = text
        .split_once('/')
        .context("copy it from `position` of the last line")?;
    Ok(DeadPosition {
        died_at: OffsetDateTime::parse(died_at, &Rfc3339)?,
        id: read_id(id)?,
    })
}

/// Reads the id of a message.
pub(super) fn read_id(text: &str) -> anyhow::Result<MessageId> {
    text.parse().context("copy it from `id` of the line")
}

#[cfg(test)]
mod tests {
    use gozon_core::Malformed;
    use gozon_inbox::InboxConfig;
    use gozon_sqlx::{Db, Sqlite};

    use super::*;
    use crate::database::open_sqlite;
    use crate::dead_letters::DeadLetters;
    use crate::settings::{DatabaseSettings, DatabaseUrl};

    const CONSUMER: &str = "payments.orders";

    /// Three that are no envelopes, as a transport would bring them.
    async fn with_dead_letters(db: &Db<Sqlite>) -> Vec<MessageId> {
        let inbox = Inbox::new(db.clone(), InboxConfig::default()).unwrap();
        inbox.migrate().await.unwrap();
        let malformed: Vec<Malformed> = (0..3)
            .map(|_| Malformed {
                id: MessageId::generate(),
                reason: "no type".into(),
                headers: "{}".into(),
                data: "?".into(),
            })
            .collect();
        let store = Sqlite::inbox_store(db);
        store.keep_malformed(CONSUMER, &malformed).await.unwrap();
        malformed.iter().map(|message| message.id).collect()
    }

    #[tokio::test]
    async fn an_operator_pages_discards_and_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.db");
        let settings = DatabaseSettings::new(DatabaseUrl::Sqlite(path.clone()));
        let db = open_sqlite(&path, &settings).await.unwrap();
        let ids = with_dead_letters(&db).await;
        db.close().await;
        let say = async |asked: AskInbox| {
            let db = open_sqlite(&path, &settings).await.unwrap();
            let asked = DeadLetters::Inbox(asked);
            let text = crate::dead_letters::answer(db, &asked).await.unwrap();
            let objects = text.lines().map(|line| serde_json::from_str(line).unwrap());
            objects.collect::<Vec<serde_json::Value>>()
        };
        let list = |after, limit| AskInbox::List {
            consumer: CONSUMER.into(),
            after,
            limit,
        };
        let signature = Signature::new("maria", "a test of ours");

        let first = say(list(None, 2)).await;
        let position = first[1]["position"].as_str().unwrap();
        let rest = say(list(Some(read_position(position).unwrap()), 2)).await;
        let refused = say(AskInbox::Replay {
            consumer: CONSUMER.into(),
            ids: ids[..1].to_vec(),
            signature: signature.clone(),
        })
        .await;
        let unknown = MessageId::generate();
        let discarded = say(AskInbox::Discard {
            consumer: CONSUMER.into(),
            ids: vec![ids[0], unknown],
            signature,
        })
        .await;
        let decisions = say(AskInbox::Decisions {
            consumer: CONSUMER.into(),
            before: None,
            limit: 10,
        })
        .await;

        let mut seen: Vec<_> = first.iter().chain(&rest).map(|d| d["id"].clone()).collect();
        seen.sort_by_key(ToString::to_string);
        let mut expected: Vec<_> = ids.iter().map(|id| json!(id)).collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(seen, expected);
        assert_eq!(refused[0]["replayed"], json!([]));
        let because = refused[0]["left_alone"][0]["because"].as_str().unwrap();
        assert!(because.contains("cannot be replayed"), "{because}");
        assert_eq!(discarded[0]["discarded"], json!([ids[0]]));
        assert_eq!(discarded[0]["left_alone"][0]["id"], json!(unknown));
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0]["by"], "maria");
        assert_eq!(say(list(None, 10)).await.len(), 2);
    }
}
