//! A broker that answers as it is told and writes down what it sees.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use gozon_core::{Envelope, Outcome, Publisher};
use time::OffsetDateTime;
use tokio::sync::watch;

/// Answers `text` at its nth attempt, from 1; `None` confirms.
type Script = Box<dyn Fn(&str, usize) -> Option<Outcome> + Send>;

pub(crate) struct Broker {
    script: Mutex<Script>,
    seen: Mutex<Vec<String>>,
    stamps: Mutex<Vec<Option<OffsetDateTime>>>,
    attempts: Mutex<HashMap<String, usize>>,
    unconfirmed: Mutex<HashSet<String>>,
    overlapped: AtomicBool,
    largest_retry: AtomicUsize,
    gate: watch::Sender<bool>,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            script: Mutex::new(Box::new(|_, _| None)),
            seen: Mutex::default(),
            stamps: Mutex::default(),
            attempts: Mutex::default(),
            unconfirmed: Mutex::default(),
            overlapped: AtomicBool::new(false),
            largest_retry: AtomicUsize::new(0),
            gate: watch::channel(true).0,
        }
    }
}

impl Broker {
    pub(crate) fn script(&self, script: impl Fn(&str, usize) -> Option<Outcome> + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Everything it saw, repeats included, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// When each of [`Broker::seen`] says that it was published.
    pub(crate) fn stamps(&self) -> Vec<Option<OffsetDateTime>> {
        self.stamps.lock().unwrap().clone()
    }

    /// What it saw of one key, without repeats.
    pub(crate) fn first_seen(&self, key: &str) -> Vec<String> {
        let mut known = HashSet::new();
        let prefix = format!("{key}:");
        let mut seen = self.seen();
        seen.retain(|text| text.starts_with(&prefix) && known.insert(text.clone()));
        seen
    }

    /// Whether two messages of a key were ever unconfirmed at once.
    pub(crate) fn overlapped(&self) -> bool {
        self.overlapped.load(Ordering::SeqCst)
    }

    /// The largest batch that carried a repeat.
    pub(crate) fn largest_retry(&self) -> usize {
        self.largest_retry.load(Ordering::SeqCst)
    }

    /// No answers until it is opened.
    pub(crate) fn close_gate(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    fn arrive(&self, envelope: &Envelope, batch: usize) -> Outcome {
        let text = String::from_utf8(envelope.data.to_vec()).unwrap();
        self.seen.lock().unwrap().push(text.clone());
        self.stamps.lock().unwrap().push(envelope.published_at);
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            let attempt = attempts.entry(text.clone()).or_default();
            *attempt += 1;
            *attempt
        };
        if attempt > 1 {
            self.largest_retry.fetch_max(batch, Ordering::SeqCst);
        }
        if let Some(key) = &envelope.key
            && !self.unconfirmed.lock().unwrap().insert(key.clone())
        {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        (self.script.lock().unwrap())(&text, attempt).unwrap_or(Outcome::Confirmed)
    }
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let outcomes: Vec<_> = batch
            .iter()
            .map(|envelope| self.arrive(envelope, batch.len()))
            .collect();
        let mut gate = self.gate.subscribe();
        gate.wait_for(|open| *open).await.unwrap();
        for key in batch.iter().filter_map(|envelope| envelope.key.as_ref()) {
            self.unconfirmed.lock().unwrap().remove(key);
        }
        outcomes
    }
}

pub(crate) fn nacked() -> Option<Outcome> {
    Some(Outcome::Nacked {
        reason: "full".into(),
    })
}

pub(crate) fn unknown() -> Option<Outcome> {
    Some(Outcome::Unknown {
        reason: "channel gone".into(),
    })
}

pub(crate) fn returned() -> Option<Outcome> {
    Some(Outcome::Returned {
        reason: "no route".into(),
    })
}

pub(crate) fn refused() -> Option<Outcome> {
    Some(Outcome::Refused {
        reason: "too large".into(),
    })
}
