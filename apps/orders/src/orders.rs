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

/// What a WebSocket shows first, and again after an interruption.
#[derive(Clone)]
pub(crate) struct Snapshot {
    desk: Arc<dyn OrderDesk>,
    user: String,
    order: Option<Uuid>,
}

impl Snapshot {
    /// One order of the user, or (`None`) the 100 newest.
    pub(crate) fn new(desk: Arc<dyn OrderDesk>, user: String, order: Option<Uuid>) -> Self {
        Self { desk, user, order }
    }

    /// Whether this shows many orders, and ends with `ready`.
    pub(crate) fn is_list(&self) -> bool {
        self.order.is_none()
    }

    /// The orders as they stand, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn read(&self) -> Result<Vec<Order>, DbError> {
        const NEWEST: i64 = 100;
        match self.order {
            Some(id) => Ok(self.desk.find(&self.user, id).await?.into_iter().collect()),
            None => self.desk.page(&self.user, None, NEWEST).await,
        }
    }

    /// The orders as they stand after changes may have been missed: also those
    /// of `awaited` that are no longer among the newest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn read_again(&self, awaited: &[Uuid]) -> Result<Vec<Order>, DbError> {
        let mut orders = self.read().await?;
        let older: Vec<Uuid> = awaited
            .iter()
            .filter(|id| orders.iter().all(|order| order.id != **id))
            .copied()
            .collect();
        if !older.is_empty() {
            orders.extend(self.desk.among(&self.user, &older).await?);
        }
        Ok(orders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gozon_core::{Append, SystemClock};
    use gozon_inbox::{Inbox, InboxConfig};
    use gozon_outbox::OutboxConfig;
    use gozon_sqlx::Sqlite;

    /// A desk on a database of its own, in a folder that goes with it.
    struct Scene {
        desk: Orders<Sqlite>,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        async fn new() -> Self {
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

    #[tokio::test]
    async fn after_an_interruption_orders_beyond_the_newest_are_read_too_but_only_the_users() {
        let scene = Scene::new().await;
        let oldest = scene.ordered("anna").await;
        let foreign = scene.ordered("boris").await;
        for _ in 0..100 {
            scene.ordered("anna").await;
        }
        let snapshot = Snapshot::new(Arc::new(scene.desk), "anna".to_owned(), None);

        let read = snapshot.read_again(&[oldest, foreign]).await.unwrap();

        assert_eq!(read.len(), 101);
        assert_eq!(read[100].id, oldest);
        assert!(read.iter().all(|order| order.user_id == "anna"));
    }
}
