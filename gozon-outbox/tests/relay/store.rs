//! A store whose answers can be refused or kept back, call by call.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_outbox::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row,
};
use gozon_sqlx::DbError;
use tokio::sync::watch;

/// Whether the nth call (from 1) of this name fails, and how.
type Script = Box<dyn Fn(&'static str, usize) -> Option<sqlx::Error> + Send>;

pub(crate) struct Scripted {
    inner: Arc<dyn OutboxStore>,
    script: Mutex<Script>,
    calls: Mutex<Vec<&'static str>>,
    done: Mutex<Vec<&'static str>>,
    refused: AtomicUsize,
    /// Calls that do not begin.
    shut: watch::Sender<HashSet<&'static str>>,
    /// Calls whose answers are kept back although the work was done.
    kept_back: watch::Sender<HashSet<&'static str>>,
    slow: Mutex<Option<(&'static str, Duration)>>,
    sweeps: Mutex<Vec<(Leases, Vec<String>)>>,
}

impl Scripted {
    pub(crate) fn on(inner: Arc<dyn OutboxStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            script: Mutex::new(Box::new(|_, _| None)),
            calls: Mutex::default(),
            done: Mutex::default(),
            refused: AtomicUsize::new(0),
            shut: watch::channel(HashSet::new()).0,
            kept_back: watch::channel(HashSet::new()).0,
            slow: Mutex::default(),
            sweeps: Mutex::default(),
        })
    }

    pub(crate) fn script(
        &self,
        script: impl Fn(&'static str, usize) -> Option<sqlx::Error> + Send + 'static,
    ) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// An outage as a client sees it.
    pub(crate) fn down(&self) {
        self.script(|_, _| Some(sqlx::Error::PoolTimedOut));
    }

    pub(crate) fn up(&self) {
        self.script(|_, _| None);
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn calls(&self, name: &str) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| **call == name).count()
    }

    /// Whose work is done, whether or not the answer was kept back.
    pub(crate) fn done(&self, name: &str) -> usize {
        let done = self.done.lock().unwrap();
        done.iter().filter(|call| **call == name).count()
    }

    /// From now on these calls wait before they do anything.
    pub(crate) fn shut(&self, name: &'static str) {
        self.shut.send_modify(|names| {
            names.insert(name);
        });
    }

    pub(crate) fn open(&self, name: &'static str) {
        self.shut.send_modify(|names| {
            names.remove(name);
        });
    }

    /// From now on the work of these calls is done and its answer kept back.
    pub(crate) fn keep_back(&self, name: &'static str) {
        self.kept_back.send_modify(|names| {
            names.insert(name);
        });
    }

    pub(crate) fn let_go(&self, name: &'static str) {
        self.kept_back.send_modify(|names| {
            names.remove(name);
        });
    }

    /// From now on these calls take so long at least.
    pub(crate) fn slow(&self, name: &'static str, by: Duration) {
        *self.slow.lock().unwrap() = Some((name, by));
    }

    /// What the sweeps asked for, also those that were refused.
    pub(crate) fn sweeps(&self) -> Vec<(Leases, Vec<String>)> {
        self.sweeps.lock().unwrap().clone()
    }

    fn check(&self, name: &'static str) -> Result<(), DbError> {
        self.calls.lock().unwrap().push(name);
        let error = (self.script.lock().unwrap())(name, self.calls(name));
        match error {
            None => Ok(()),
            Some(error) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                Err(error.into())
            }
        }
    }

    async fn begin(&self, name: &'static str) -> Result<(), DbError> {
        self.check(name)?;
        let mut names = self.shut.subscribe();
        names.wait_for(|names| !names.contains(name)).await.unwrap();
        let slow = *self.slow.lock().unwrap();
        if let Some((_, by)) = slow.filter(|(slow, _)| *slow == name) {
            tokio::time::sleep(by).await;
        }
        Ok(())
    }

    async fn end(&self, name: &'static str) {
        self.done.lock().unwrap().push(name);
        let mut names = self.kept_back.subscribe();
        names.wait_for(|names| !names.contains(name)).await.unwrap();
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl OutboxStore for Scripted {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, DbError> {
                self.begin(stringify!($name)).await?;
                let answer = self.inner.$name($($arg),*).await;
                self.end(stringify!($name)).await;
                answer
            })*

            async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
                self.sweeps.lock().unwrap().push((leases.clone(), keys.to_vec()));
                self.begin("sweep").await?;
                self.check("sweep begun")?;
                self.inner.sweep(leases, keys).await
            }
        }
    };
}

forward! {
    partitions() -> u32;
    heartbeat(member: MemberId, term: Duration, alone: bool) -> Membership;
    renew(member: MemberId, term: Duration) -> Vec<Lease>;
    acquire(member: MemberId, term: Duration, max: u32, alone: bool) -> Vec<Lease>;
    free() -> u32;
    release(leases: &Leases) -> ();
    leave(member: MemberId) -> ();
    kept(from: &[KeptFrom], limit: u32) -> Vec<Kept>;
    read(read: &Read) -> Vec<Row>;
    fetch(seqs: &[i64]) -> Vec<Row>;
    delete(seqs: &[i64]) -> ();
    archive(seqs: &[i64]) -> ();
    trim(age: Duration, max: u32) -> u64;
    decided(after: Option<i64>, limit: u32) -> Decided;
    hold(leases: &Leases, failures: &[Failure]) -> Vec<i32>;
    unhold(leases: &Leases, keys: &[String]) -> Vec<i32>;
    promote(leases: &Leases, max: u32) -> u64;
    stats() -> OutboxStats;
    kinds() -> Vec<KindStats>;
}
