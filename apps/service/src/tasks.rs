use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::telemetry;

/// The background work of a service: every task has an owner and an end.
///
/// A task watches the token that it was given and returns soon after it is
/// cancelled. One that ends before, or panics, stops the whole service, so that
/// nothing half-dead looks healthy. Dropped, it aborts what is left.
#[derive(Debug)]
pub struct Tasks {
    service: &'static str,
    shutdown: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    runtime: Option<Handle>,
}

impl Tasks {
    /// Owns tasks of this service that end with `shutdown`.
    pub fn new(service: &'static str, shutdown: CancellationToken) -> Self {
        Self {
            service,
            shutdown,
            running: JoinSet::new(),
            names: HashMap::new(),
            runtime: None,
        }
    }

    /// Runs the tasks on this runtime instead of the current one: a process with
    /// several services gives each its own, see [`crate::telemetry`].
    #[must_use]
    pub fn on(self, runtime: Handle) -> Self {
        Self {
            runtime: Some(runtime),
            ..self
        }
    }

    /// The token to pass to a task.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task. `name` appears in logs and errors.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error> + 'static,
    {
        let task = telemetry::scope(self.service, async move { task.await.map_err(Into::into) });
        let handle = match &self.runtime {
            Some(runtime) => self.running.spawn_on(task, runtime),
            None => self.running.spawn(task),
        };
        self.names.insert(handle.id(), name);
    }

    /// Waits until shutdown, or until a task ends, which causes it; then waits
    /// for all tasks, `drain` at most.
    ///
    /// # Errors
    /// The first task that failed, panicked, ended early or did not end.
    pub async fn run(mut self, drain: Duration) -> anyhow::Result<()> {
        let mut result = Ok(());
        let shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => info!(service = self.service, "stopping"),
            Some(ended) = self.running.join_next_with_id() => {
                let (name, outcome) = self.outcome(ended);
                // In the same instant the token may have been cancelled.
                let early = outcome.is_ok() && !shutdown.is_cancelled();
                result = if early { Err(anyhow!("{name} ended early")) } else { outcome };
                shutdown.cancel();
            }
        }
        let drained = tokio::time::timeout(drain, async {
            while let Some(ended) = self.running.join_next_with_id().await {
                let (_, outcome) = self.outcome(ended);
                if result.is_ok() {
                    result = outcome;
                }
            }
        });
        if drained.await.is_err() && result.is_ok() {
            let mut late: Vec<_> = self.names.values().copied().collect();
            late.sort_unstable();
            result = Err(anyhow!("did not end in time: {}", late.join(", ")));
        }
        result
    }

    fn outcome(
        &mut self,
        ended: Result<(Id, anyhow::Result<()>), JoinError>,
    ) -> (&'static str, anyhow::Result<()>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(anyhow!(error))),
        };
        let name = self.names.remove(&id).unwrap_or("a task");
        let outcome = outcome.with_context(|| format!("{name} failed"));
        if let Err(error) = &outcome {
            error!(service = self.service, task = name, error = %format!("{error:#}"), "a task failed");
        }
        (name, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const LONG: Duration = Duration::from_secs(30);

    fn tasks() -> (Tasks, CancellationToken) {
        let shutdown = CancellationToken::new();
        (Tasks::new("probe", shutdown.clone()), shutdown)
    }

    async fn until(token: CancellationToken) -> Result<(), Infallible> {
        token.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn tasks_end_with_shutdown() {
        let (mut tasks, shutdown) = tasks();
        tasks.spawn("relay", until(tasks.shutdown()));
        shutdown.cancel();

        assert!(tasks.run(LONG).await.is_ok());
    }

    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_others_and_is_named() {
        let (mut tasks, shutdown) = tasks();
        tasks.spawn("relay", until(tasks.shutdown()));
        tasks.spawn("consumer", async { Ok::<_, Infallible>(()) });

        let error = tasks.run(LONG).await.unwrap_err();

        assert_eq!(error.to_string(), "consumer ended early");
        assert!(shutdown.is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_stops_the_service() {
        let (mut tasks, shutdown) = tasks();
        tasks.spawn("relay", async {
            assert!(tokio::task::try_id().is_none(), "a panic");
            Ok::<_, Infallible>(())
        });

        let error = tasks.run(LONG).await.unwrap_err();

        assert!(error.to_string().contains("relay"), "{error:#}");
        assert!(shutdown.is_cancelled());
    }

    #[tokio::test]
    async fn the_wait_for_a_task_that_does_not_end_is_bounded() {
        let (mut tasks, shutdown) = tasks();
        tasks.spawn("stuck", std::future::pending::<Result<(), Infallible>>());
        shutdown.cancel();

        let error = tasks.run(Duration::from_millis(10)).await.unwrap_err();

        assert_eq!(error.to_string(), "did not end in time: stuck");
    }
}
