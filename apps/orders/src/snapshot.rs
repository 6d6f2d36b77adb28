//! What a WebSocket shows of the orders as they stand.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::Clock;
use gozon_sqlx::DbError;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::order::Order;
use crate::orders::OrderDesk;

/// Orders shown at first.
const NEWEST: i64 = 100;
/// How many of a user's orders, the newest, are looked through for what was
/// missed.
const LOOKED_THROUGH: i64 = 1_000;
/// A change has its time before it is committed, and from another instance's
/// clock.
const MARGIN: Duration = Duration::from_secs(60);

/// What a WebSocket shows first, and again after an interruption.
#[derive(Clone)]
pub(crate) struct Snapshot {
    desk: Arc<dyn OrderDesk>,
    clock: Arc<dyn Clock>,
    user: String,
    order: Option<Uuid>,
    /// Everything that changed before was read.
    as_of: OffsetDateTime,
}

/// What changed while nobody may have heard it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// The orders as they stand.
    Orders(Vec<Order>),
    /// More than are looked through: only a new beginning helps.
    TooMany,
}

impl Snapshot {
    /// One order of the user, or (`None`) the 100 newest.
    pub(crate) fn new(
        desk: Arc<dyn OrderDesk>,
        clock: Arc<dyn Clock>,
        user: String,
        order: Option<Uuid>,
    ) -> Self {
        let as_of = clock.now();
        Self {
            desk,
            clock,
            user,
            order,
            as_of,
        }
    }

    /// Whether this shows many orders, and ends with `ready`.
    pub(crate) fn is_list(&self) -> bool {
        self.order.is_none()
    }

    /// The orders as they stand, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn read(&mut self) -> Result<Vec<Order>, DbError> {
        let now = self.clock.now();
        let orders = match self.order {
            Some(id) => self.desk.find(&self.user, id).await?.into_iter().collect(),
            None => self.desk.page(&self.user, None, NEWEST).await?,
        };
        self.as_of = now;
        Ok(orders)
    }

    /// The orders as they stand after changes may have been missed: what changed
    /// since the last reading, among the user's 1,000 newest orders, and
    /// whatever became of `awaited`.
    ///
    /// Since the reading, not since the interruption: an event may be on its way
    /// for as long as the broker was away, so it may tell of an earlier change.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn read_again(&mut self, awaited: &[Uuid]) -> Result<Missed, DbError> {
        if !self.is_list() {
            return self.read().await.map(Missed::Orders);
        }
        let now = self.clock.now();
        let since = self.as_of - MARGIN;
        let mut orders = self.desk.changed(&self.user, since, LOOKED_THROUGH).await?;
        if i64::try_from(orders.len()).is_ok_and(|changed| changed >= LOOKED_THROUGH) {
            return Ok(Missed::TooMany);
        }
        let older: Vec<Uuid> = awaited
            .iter()
            .filter(|id| orders.iter().all(|order| order.id != **id))
            .copied()
            .collect();
        if !older.is_empty() {
            orders.extend(self.desk.among(&self.user, &older).await?);
        }
        self.as_of = now;
        Ok(Missed::Orders(orders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::tests::Scene;
    use gozon_core::SystemClock;

    /// Long before anyone connects.
    const LONG_AGO: Duration = Duration::from_secs(3_600);

    fn anna(desk: impl OrderDesk + 'static) -> Snapshot {
        let clock = Arc::new(SystemClock);
        Snapshot::new(Arc::new(desk), clock, "anna".to_owned(), None)
    }

    fn ids(missed: &Missed) -> Vec<Uuid> {
        match missed {
            Missed::Orders(orders) => orders.iter().map(|order| order.id).collect(),
            Missed::TooMany => Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_changed_is_read_again_however_many_orders_are_newer() {
        let scene = Scene::new().await;
        let before = SystemClock.now() - LONG_AGO;
        // More than are shown at first; then what nobody was ever shown.
        scene.accepted("anna", 1, before).await;
        let waiting = scene.accepted("anna", 1, before).await;
        scene.accepted("anna", 150, before).await;
        let placed = scene.accepted("anna", 150, SystemClock.now()).await;
        scene.settled(&waiting).await;
        scene.accepted("boris", 1, SystemClock.now()).await;

        let missed = anna(scene.desk).read_again(&[]).await.unwrap();

        let expected: Vec<Uuid> = placed.into_iter().rev().chain(waiting).collect();
        assert_eq!(ids(&missed), expected);
    }

    #[tokio::test]
    async fn what_is_awaited_is_read_again_but_only_the_users() {
        let scene = Scene::new().await;
        let before = SystemClock.now() - LONG_AGO;
        let oldest = scene.accepted("anna", 1, before).await;
        let foreign = scene.accepted("boris", 1, before).await;
        scene.accepted("anna", 1_100, before).await;

        let missed = anna(scene.desk).read_again(&[oldest[0], foreign[0]]).await;

        assert_eq!(ids(&missed.unwrap()), oldest);
    }

    #[tokio::test]
    async fn more_changes_than_are_looked_through_are_not_passed_over() {
        let scene = Scene::new().await;
        scene.accepted("anna", 1_000, SystemClock.now()).await;

        let missed = anna(scene.desk).read_again(&[]).await;

        assert_eq!(missed.unwrap(), Missed::TooMany);
    }
}
