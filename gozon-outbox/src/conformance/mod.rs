//! The rules that every outbox store must keep, each a function by its name.
//!
//! Give [`run_all`] a function that makes a [`Bench`] on a fresh, empty database:
//!
//! ```no_run
//! # use gozon_outbox::{OutboxDatabase, conformance::{Bench, Report, run_all}};
//! # async fn fresh_database<D: OutboxDatabase>() -> gozon_sqlx::Db<D> { unimplemented!() }
//! # async fn example<D: OutboxDatabase>() -> Result<(), Report> {
//! run_all(|| async { Bench::<D>::new(fresh_database().await).await })
//!     .await
//!     .into_result()
//! # }
//! ```
//!
//! Each rule gets a bench of its own, and the report says of each whether it
//! held. The rules use real time: some wait for leases to end.

// A broken rule is reported by a panic, as in any test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod appending;
pub mod archive;
pub mod dead_letters;
pub mod delaying;
mod dice;
pub mod leasing;
pub mod limits;
pub mod model;
pub mod reading;
pub mod relay;
mod rules;
pub mod taking_over;
pub mod writing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gozon_core::{Append, Clock, Envelope, MessageId, NewMessage, SystemClock};
use gozon_sqlx::Db;

pub use gozon_core::conformance::{Report, Verdict, Violation};
pub use rules::{Rule, check, rules, run_all};

use crate::desk::OutboxDesk;
use crate::store::{Kept, KeptFrom, Lease, Leases, MemberId, OutboxStore, Read, Row};
use crate::{Outbox, OutboxConfig, OutboxDatabase};

/// A term that does not end during a test.
pub const LONG: Duration = Duration::from_secs(600);
/// A term that ends soon.
pub const SHORT: Duration = Duration::from_millis(150);

/// A fresh outbox, seen from both sides. To try a store or an outbox that wraps
/// another, replace the field.
pub struct Bench<D: OutboxDatabase> {
    /// The database.
    pub db: Db<D>,
    /// Where services append.
    pub outbox: Outbox<D>,
    /// What the relay works on.
    pub store: Arc<dyn OutboxStore>,
    /// What people work on.
    pub desk: Arc<dyn OutboxDesk>,
}

/// Small, so that few messages fill more than one.
const KEPT_PAGE: u32 = 2;

impl<D: OutboxDatabase> Clone for Bench<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            outbox: self.outbox.clone(),
            store: Arc::clone(&self.store),
            desk: Arc::clone(&self.desk),
        }
    }
}

impl<D: OutboxDatabase> Bench<D> {
    /// Migrates an empty database.
    pub async fn new(db: Db<D>) -> Self {
        let outbox = Outbox::new(db.clone(), OutboxConfig::default()).unwrap();
        outbox.migrate().await.unwrap();
        Self {
            store: D::store(db.clone()),
            desk: D::desk(db.clone()),
            db,
            outbox,
        }
    }

    /// Appends and commits.
    pub async fn append(&self, messages: &[NewMessage]) {
        let mut tx = self.db.begin().await.unwrap();
        self.outbox.append(&mut tx, messages).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Takes every partition for a new member.
    pub async fn own_all(&self) -> Leases {
        let member = MemberId::generate();
        let held = self.store.acquire(member, LONG, 1_024, true).await.unwrap();
        Leases { member, held }
    }

    /// The held and dead messages that a new owner would load, page by page.
    pub async fn kept(&self, leases: &Leases) -> Vec<Kept> {
        let start = |lease: &Lease| KeptFrom {
            partition: lease.partition,
            after: None,
        };
        let mut from: Vec<KeptFrom> = leases.held.iter().map(start).collect();
        let mut found = Vec::new();
        while !from.is_empty() {
            let page = self.store.kept(&from, KEPT_PAGE).await.unwrap();
            from = from
                .into_iter()
                .filter_map(|from| {
                    let rows = page.iter().filter(|kept| kept.partition == from.partition);
                    let rows: Vec<_> = rows.collect();
                    assert!(rows.len() <= KEPT_PAGE as usize, "more than a page");
                    let last = rows.last().filter(|_| rows.len() == KEPT_PAGE as usize)?;
                    Some(KeptFrom {
                        after: Some((last.key.clone(), last.seq)),
                        ..from
                    })
                })
                .collect();
            found.extend(page);
        }
        found
    }

    /// Everything that is ready in these partitions.
    pub async fn read(&self, leases: &Leases) -> Vec<Row> {
        self.store.read(&all(leases)).await.unwrap()
    }
}

/// A read without any limit that matters.
pub fn all(leases: &Leases) -> Read {
    Read {
        leases: leases.clone(),
        skip_keys: Vec::new(),
        skip_seqs: Vec::new(),
        per_partition: 10_000,
        per_key: 10_000,
        limit: 10_000,
        bytes: u64::MAX,
    }
}

/// A message that says `text`.
pub fn message(key: Option<&str>, text: &str) -> NewMessage {
    NewMessage {
        envelope: Envelope {
            id: MessageId::generate(),
            source: "/gozon/conformance".to_owned(),
            kind: "probe".to_owned(),
            subject: None,
            time: SystemClock.now(),
            content_type: "text/plain".to_owned(),
            schema: None,
            key: key.map(str::to_owned),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            published_at: None,
            received_at: None,
            data: Bytes::copy_from_slice(text.as_bytes()),
        },
        delay: None,
    }
}

/// What the rows say.
pub fn texts(rows: &[Row]) -> Vec<String> {
    let texts = rows.iter().map(|row| String::from_utf8(row.data.clone()));
    texts.map(Result::unwrap).collect()
}

/// Asks again and again until the answer is yes, for a minute at most.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(60), asking).await;
    assert!(answered.is_ok(), "never: {what}");
}
