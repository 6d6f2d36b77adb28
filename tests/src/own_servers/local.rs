//! A server that is a private process on this machine.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use async_trait::async_trait;
use xtask::servers::local::{LocalPostgres, LocalRabbitMq};

use super::{Server, blocking};

/// What PostgreSQL and RabbitMQ have in common here; all of it blocks.
pub(super) trait Process: Send + std::fmt::Debug + 'static {
    fn start(&mut self) -> Result<()>;
    fn stop(&mut self) -> Result<()>;
    fn kill(&mut self);
    fn control(&mut self, arguments: &[String]) -> Result<String>;
}

/// A process, ended and cleaned up after when dropped.
#[derive(Debug)]
pub(super) struct Local<P>(Arc<Mutex<P>>);

impl<P: Process> Local<P> {
    pub(super) fn new(process: P) -> Self {
        Self(Arc::new(Mutex::new(process)))
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut P) -> Result<T> + Send + 'static,
    ) -> Result<T> {
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

    async fn control(&self, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
        self.with(move |process| process.control(&arguments)).await
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

    fn control(&mut self, _: &[String]) -> Result<String> {
        bail!("PostgreSQL is controlled by SQL")
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

    fn control(&mut self, arguments: &[String]) -> Result<String> {
        Self::control(self, arguments)
    }
}
