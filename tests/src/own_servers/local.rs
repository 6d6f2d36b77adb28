//! A server that is a private process on this machine.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use xtask::servers::local::{LocalPostgres, LocalRabbitMq};

use super::{Server, blocking};

/// What PostgreSQL and RabbitMQ have in common here; all of it blocks.
pub(super) trait Process: Send + std::fmt::Debug + 'static {
    fn start(&mut self) -> Result<()>;
    fn stop(&mut self) -> Result<()>;
    fn kill(&mut self);
}

/// A process, ended and cleaned up after when dropped.
#[derive(Debug)]
pub(super) struct Local<P>(Arc<Mutex<P>>);

impl<P: Process> Local<P> {
    pub(super) fn new(process: P) -> Self {
        Self(Arc::new(Mutex::new(process)))
    }

    async fn with(&self, work: impl FnOnce(&mut P) -> Result<()> + Send + 'static) -> Result<()> {
        let process = self.0.clone();
        blocking(move || work(&mut process.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

#[async_trait]
impl<P: Process> Server for Local<P> {
    async fn start(&self) -> Result<()> {
        self.with(P::start).await
    }

    async fn stop(&self) -> Result<()> {
        self.with(P::stop).await
    }

    async fn kill(&self) -> Result<()> {
        self.with(|process| {
            process.kill();
            Ok(())
        })
        .await
    }
}

impl Process for LocalPostgres {
    fn start(&mut self) -> Result<()> {
        Self::start(self)
    }

    fn stop(&mut self) -> Result<()> {
        Self::stop(self)
    }

    fn kill(&mut self) {
        Self::kill(self);
    }
}

impl Process for LocalRabbitMq {
    fn start(&mut self) -> Result<()> {
        Self::start(self)
    }

    fn stop(&mut self) -> Result<()> {
        Self::stop(self)
    }

    fn kill(&mut self) {
        Self::kill(self);
    }
}
