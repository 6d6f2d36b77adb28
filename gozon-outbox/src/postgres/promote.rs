//! Delayed messages become ready, each under the lock of its key.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::PgExecutor;

use super::append::stripes;
use super::store::columns;
use crate::key::stripe_of;
use crate::store::Leases;

const DUE: &str = include_str!("sql/due.sql");
const PROMOTE: &str = include_str!("sql/promote.sql");
const PATIENCE: &str = include_str!("sql/patience.sql");
const LOCK: &str = include_str!("sql/lock.sql");

/// How often one promotion looks behind what it had to leave.
const LOOKS: usize = 8;

/// The stripe that was waited for last, so that each has its turn.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<Option<i32>>);

/// A due message: its number, and its key.
type Due = (i64, Option<String>);

/// Moves what can be moved at once, then waits for one of the stripes that were
/// in use, and for no more than one: whoever waits in line gets a key that is
/// never free when one looks, and whoever holds nothing meanwhile is in no
/// one's way.
pub(super) async fn promote(
    db: &Db<Postgres>,
    turn: &Turn,
    leases: &Leases,
    max: u32,
) -> Result<u64, DbError> {
    let (mut moved, mut left) = (0, Vec::new());
    for _ in 0..LOOKS {
        // However many messages of keys in use are due, they hide no others.
        let in_use = keys(&left);
        let due = due(db.reader(), leases, max, &in_use).await?;
        let more = due.len() >= usize::try_from(max).unwrap_or(usize::MAX);
        if due.is_empty() {
            break;
        }
        let (now, got) = move_due(db.writer(), leases, &due).await?;
        moved += now;
        let busy = |(_, key): &Due| {
            let stripe = key.as_deref().map(stripe_of);
            stripe.is_some_and(|stripe| !got.contains(&stripe))
        };
        left.extend(due.into_iter().filter(busy));
        if !more || moved >= u64::from(max) {
            break;
        }
    }
    match turn.next(&left) {
        Some(stripe) => Ok(moved + wait_and_move(db, leases, &left, stripe).await?),
        None => Ok(moved),
    }
}

/// The messages of one stripe, after a wait that has an end: a transaction that
/// keeps a key for minutes must not keep all other due messages.
async fn wait_and_move(
    db: &Db<Postgres>,
    leases: &Leases,
    left: &[Due],
    stripe: i32,
) -> Result<u64, DbError> {
    let of_stripe = |(_, key): &&Due| key.as_deref().map(stripe_of) == Some(stripe);
    let due: Vec<Due> = left.iter().filter(of_stripe).cloned().collect();
    let mut tx = db.begin().await?;
    sqlx::query(PATIENCE).execute(&mut *tx).await?;
    match sqlx::query(LOCK).bind(stripe).execute(&mut *tx).await {
        Ok(_) => {}
        Err(error) if is_lock_timeout(&error) => {
            tx.rollback().await?;
            return Ok(0);
        }
        Err(error) => return Err(error.into()),
    }
    let (moved, _) = move_due(&mut *tx, leases, &due).await?;
    tx.commit().await?;
    Ok(moved)
}

async fn due(
    executor: impl PgExecutor<'_>,
    leases: &Leases,
    max: u32,
    in_use: &[String],
) -> Result<Vec<Due>, DbError> {
    let (partitions, epochs) = columns(leases);
    Ok(sqlx::query_as(DUE)
        .bind(partitions)
        .bind(epochs)
        .bind(leases.member.0)
        .bind(i64::from(max))
        .bind(in_use)
        .fetch_all(executor)
        .await?)
}

/// How many were moved, and which stripes were free.
async fn move_due(
    executor: impl PgExecutor<'_>,
    leases: &Leases,
    due: &[Due],
) -> Result<(u64, Vec<i32>), DbError> {
    let (partitions, epochs) = columns(leases);
    let (moved, got): (i64, Vec<i32>) = sqlx::query_as(PROMOTE)
        .bind(partitions)
        .bind(epochs)
        .bind(leases.member.0)
        .bind(stripes(due.iter().filter_map(|(_, key)| key.as_deref())))
        .bind(due.iter().map(|(seq, _)| *seq).collect::<Vec<_>>())
        .bind(
            due.iter()
                .map(|(_, key)| key.as_deref().map(stripe_of))
                .collect::<Vec<_>>(),
        )
        .fetch_one(executor)
        .await?;
    Ok((u64::try_from(moved).unwrap_or(0), got))
}

fn keys(left: &[Due]) -> Vec<String> {
    let keys: BTreeSet<&String> = left.iter().filter_map(|(_, key)| key.as_ref()).collect();
    keys.into_iter().cloned().collect()
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "55P03")
}

impl Turn {
    /// The next one of these messages' stripes, in a circle.
    fn next(&self, left: &[Due]) -> Option<i32> {
        let stripes = stripes(left.iter().filter_map(|(_, key)| key.as_deref()));
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = stripes.iter().find(|stripe| Some(**stripe) > *last);
        let next = after.or(stripes.first()).copied();
        *last = next.or(*last);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stripe_that_is_in_use_has_its_turn() {
        let left: Vec<Due> = (0..3).map(|n| (n, Some(format!("k{n}")))).collect();
        let mut all: Vec<i32> = stripes(left.iter().filter_map(|(_, key)| key.as_deref()));
        let turn = Turn::default();

        let mut turns: Vec<i32> = (0..3).filter_map(|_| turn.next(&left)).collect();

        assert_eq!(turns, all);
        assert_eq!(turn.next(&left), all.first().copied());
        // What is free by now is passed over.
        turns = vec![
            turn.next(&left[..1]).unwrap(),
            turn.next(&left[..1]).unwrap(),
        ];
        all = stripes(["k0"].into_iter()).repeat(2);
        assert_eq!(turns, all);
        assert_eq!(turn.next(&[]), None);
    }
}
