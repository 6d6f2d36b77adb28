//! What the orders service can do, without HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Clock, NewMessage};
use gozon_events::OrderStatus;
use gozon_outbox::{DeadLetterPage, Outbox};
use gozon_service::Problem;
use gozon_service::once::{Answer, Once, RequestKey};
use gozon_sqlx::{Db, DbError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::journey::{Journey, Waiting};
use crate::order::Order;
use crate::store::OrderStore;
use crate::{SOURCE, metrics, view};

/// What a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How much it costs, in minor units.
    pub amount: i64,
    /// What it is.
    pub description: String,
}

/// The desk at which users place and look up their orders. Everything is asked
/// in the name of one user and shows that user's orders alone.
#[async_trait]
pub(crate) trait OrderDesk: Send + Sync {
    /// Accepts an order. With a key, a repeat is answered with what was answered
    /// first.
    async fn place(
        &self,
        user: &str,
        wish: Wish,
        key: Option<RequestKey>,
    ) -> Result<Answer, Problem>;

    /// The user's order with this id.
    async fn find(&self, user: &str, id: Uuid) -> Result<Option<Order>, DbError>;

    /// What happened to the user's order with this id.
    async fn journey(&self, user: &str, id: Uuid) -> Result<Option<Journey>, Problem>;

    /// Those of the user's orders that have these ids.
    async fn among(&self, user: &str, ids: &[Uuid]) -> Result<Vec<Order>, DbError> {
        let mut orders = Vec::new();
        for id in ids {
            orders.extend(self.find(user, *id).await?);
        }
        Ok(orders)
    }

    /// Which of the user's newest orders, so many of them, changed since then.
    async fn changed(
        &self,
        user: &str,
        since: OffsetDateTime,
        among_newest: i64,
    ) -> Result<Vec<Order>, DbError>;

    /// The user's orders, newest first, older than `before`.
    async fn page(
        &self,
        user: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, DbError>;
}

/// The desk on a database.
pub(crate) struct Orders<D: OrderStore> {
    /// Where orders are kept.
    pub db: Db<D>,
    /// Where their events wait.
    pub outbox: Outbox<D>,
    /// Makes a keyed request take effect once.
    pub once: Once<D>,
    /// Where times come from.
    pub clock: Arc<dyn Clock>,
    /// The shop's currency.
    pub currency: String,
    /// How long an order may stay NEW before the reconciler looks at it.
    pub patience: Duration,
}

#[async_trait]
impl<D: OrderStore> OrderDesk for Orders<D> {
    async fn place(
        &self,
        user: &str,
        wish: Wish,
        key: Option<RequestKey>,
    ) -> Result<Answer, Problem> {
        let order = Order::accept(
            user.to_owned(),
            wish.amount,
            self.currency.clone(),
            wish.description,
            self.clock.now(),
        );
        let patience = self.patience;
        let answer = self
            .once
            .answer(key, move |unit| {
                Box::pin(async move {
                    D::insert_order(unit.tx(), &order, patience).await?;
                    let created = NewMessage::of(SOURCE, &order.created());
                    unit.emit(created.map_err(|error| Problem::internal(&error))?);
                    tracing::info!(order.id = %order.id, "order accepted");
                    view::accepted(&order)
                })
            })
            .await?;
        if !answer.replayed {
            metrics::accepted();
        }
        Ok(answer)
    }

    async fn find(&self, user: &str, id: Uuid) -> Result<Option<Order>, DbError> {
        D::of_user(&self.db, user, id).await
    }

    async fn journey(&self, user: &str, id: Uuid) -> Result<Option<Journey>, Problem> {
        let Some(recorded) = D::recorded_of_user(&self.db, user, id).await? else {
            return Ok(None);
        };
        if recorded.order.status != OrderStatus::New {
            return Ok(Some(Journey {
                recorded,
                waiting: None,
            }));
        }
        let waiting = self.waiting(id).await?;
        // Read again: an order that is still NEW after the look into the outbox
        // was NEW during it, so what stood there was what asks payments.
        let recorded = D::recorded_of_user(&self.db, user, id).await?;
        Ok(recorded.map(|recorded| Journey {
            waiting: (recorded.order.status == OrderStatus::New).then_some(waiting),
            recorded,
        }))
    }

    async fn among(&self, user: &str, ids: &[Uuid]) -> Result<Vec<Order>, DbError> {
        D::of_user_among(&self.db, user, ids).await
    }

    async fn changed(
        &self,
        user: &str,
        since: OffsetDateTime,
        among_newest: i64,
    ) -> Result<Vec<Order>, DbError> {
        D::changed_of_user(&self.db, user, since, among_newest).await
    }

    async fn page(
        &self,
        user: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, DbError> {
        D::page_of_user(&self.db, user, before, limit).await
    }
}

impl<D: OrderStore> Orders<D> {
    /// What an order that is NEW waits for.
    async fn waiting(&self, id: Uuid) -> Result<Waiting, Problem> {
        let key = id.to_string();
        let mut reader = self.db.reader().acquire().await.map_err(DbError::from)?;
        let keys = std::slice::from_ref(&key);
        let pending = self.outbox.keys_pending(&mut reader, keys).await?;
        drop(reader);
        if pending.is_empty() {
            return Ok(Waiting::Payments);
        }
        let page = DeadLetterPage {
            key: Some(key),
            limit: 1,
            ..DeadLetterPage::default()
        };
        let dead = self.outbox.dead_letters(&page).await;
        let dead = dead.map_err(|error| Problem::of(error.class(), &error))?;
        Ok(match dead.is_empty() {
            true => Waiting::Broker,
            false => Waiting::Operator,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use gozon_core::{Append, SystemClock};
    use gozon_inbox::{Inbox, InboxConfig};
    use gozon_outbox::OutboxConfig;
    use gozon_sqlx::Sqlite;

    /// A desk on a database of its own, in a folder that goes with it.
    pub(crate) struct Scene {
        pub(crate) desk: Orders<Sqlite>,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        pub(crate) async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("orders.db");
            let db = gozon_sqlx::sqlite::open(&file, &Default::default())
                .await
                .unwrap();
            Sqlite::SCHEMA.run(&db).await.unwrap();
            let outbox = Outbox::new(db.clone(), OutboxConfig::default()).unwrap();
            outbox.migrate().await.unwrap();
            let inbox = Inbox::new(db.clone(), InboxConfig::default()).unwrap();
            let desk = Orders {
                db: db.clone(),
                outbox: outbox.clone(),
                once: Once::new(db, inbox.requests(), Arc::new(outbox)),
                clock: Arc::new(SystemClock),
                currency: "RUB".to_owned(),
                patience: Duration::from_secs(60),
            };
            Self {
                desk,
                _folder: folder,
            }
        }

        async fn ordered(&self, user: &str) -> Uuid {
            let order = Order::accept(
                user.to_owned(),
                100,
                "RUB".to_owned(),
                "tea".to_owned(),
                SystemClock.now(),
            );
            let created = NewMessage::of(SOURCE, &order.created()).unwrap();
            let mut tx = self.desk.db.begin().await.unwrap();
            Sqlite::insert_order(&mut tx, &order, Duration::from_secs(60))
                .await
                .unwrap();
            self.desk.outbox.append(&mut tx, &[created]).await.unwrap();
            tx.commit().await.unwrap();
            order.id
        }

        /// So many orders, as accepted at `time`, without events.
        pub(crate) async fn accepted(
            &self,
            user: &str,
            count: usize,
            time: OffsetDateTime,
        ) -> Vec<Uuid> {
            let mut tx = self.desk.db.begin().await.unwrap();
            let mut ids = Vec::new();
            for _ in 0..count {
                let order = Order::accept(user.into(), 100, "RUB".into(), "tea".into(), time);
                let inserted = Sqlite::insert_order(&mut tx, &order, self.desk.patience);
                inserted.await.unwrap();
                ids.push(order.id);
            }
            tx.commit().await.unwrap();
            ids
        }

        pub(crate) async fn settled(&self, orders: &[Uuid]) {
            for order in orders {
                let settled = sqlx::query(
                    "UPDATE orders SET status = 'FINISHED', version = 2, updated_at = ?2 WHERE id = ?1",
                )
                .bind(order)
                .bind(i64::try_from(SystemClock.now().unix_timestamp_nanos() / 1_000).unwrap())
                .execute(self.desk.db.writer())
                .await;
                assert_eq!(settled.unwrap().rows_affected(), 1);
            }
        }

        /// What the relay, or the broker, does to the outbox.
        async fn happens(&self, statement: &'static str) {
            let done = sqlx::query(statement).execute(self.desk.db.writer()).await;
            assert!(done.unwrap().rows_affected() > 0);
        }

        async fn waiting_for(&self, user: &str, order: Uuid) -> Option<Waiting> {
            let journey = self.desk.journey(user, order).await.unwrap();
            journey.unwrap().waiting
        }
    }

    #[tokio::test]
    async fn a_new_order_waits_for_whoever_has_its_event() {
        let scene = Scene::new().await;
        let order = scene.ordered("anna").await;
        // Another order's event says nothing about this one.
        scene.ordered("anna").await;

        let appended = scene.waiting_for("anna", order).await;
        scene
            .happens("UPDATE gozon_outbox SET state = 'dead', last_error = 'no' WHERE seq = 1")
            .await;
        let refused = scene.waiting_for("anna", order).await;
        scene
            .happens("DELETE FROM gozon_outbox WHERE seq = 1")
            .await;
        let published = scene.waiting_for("anna", order).await;

        assert_eq!(appended, Some(Waiting::Broker));
        assert_eq!(refused, Some(Waiting::Operator));
        assert_eq!(published, Some(Waiting::Payments));
        assert_eq!(scene.desk.journey("boris", order).await.unwrap(), None);
    }
}
