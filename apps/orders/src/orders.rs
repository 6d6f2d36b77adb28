//! What the orders service can do, without HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Clock, NewMessage};
use gozon_service::Problem;
use gozon_service::once::{Answer, Once, RequestKey};
use gozon_sqlx::{Db, DbError};
use uuid::Uuid;

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

    async fn page(
        &self,
        user: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, DbError> {
        D::page_of_user(&self.db, user, before, limit).await
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
}
