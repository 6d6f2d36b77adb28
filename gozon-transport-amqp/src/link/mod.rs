//! One connection that is rebuilt for as long as the transport lives.

mod supervisor;

use std::sync::Arc;

use gozon_core::TransportError;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::supervisor::Supervisor;
use crate::AmqpConfig;
use crate::connection::{Endpoint, Opened};
use crate::fault::Fault;
use crate::topology::Topology;

/// What a connection is for. Separate, because a blocked publisher writes
/// nothing at all, neither acknowledgements nor heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Publish,
    Consume,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

/// A connection while it stands.
pub(crate) struct Live {
    opened: Opened,
    /// Different for every connection of the process.
    pub(crate) generation: u64,
    /// Why the broker blocks publishing, while it does.
    blocked: watch::Receiver<Option<String>>,
    /// Cancelled when the connection is lost or given up.
    pub(crate) gone: CancellationToken,
    suspect: CancellationToken,
}

impl Live {
    pub(crate) fn connection(&self) -> &lapin::Connection {
        &self.opened.connection
    }

    /// Why the broker blocks publishing, if it does.
    pub(crate) fn blocked(&self) -> Option<String> {
        if let Some(reason) = &*self.blocked.borrow() {
            return Some(reason.clone());
        }
        // lapin knows a moment before its event arrives here.
        let status = self.connection().status();
        status.blocked().then(|| "blocked".to_owned())
    }

    /// Waits until the broker blocks publishing.
    pub(crate) async fn until_blocked(&self) {
        let mut blocked = self.blocked.clone();
        if blocked.wait_for(Option::is_some).await.is_err() {
            // The connection is gone; whoever waits hears of that elsewhere.
            std::future::pending::<()>().await;
        }
    }

    /// Asks the supervisor for another connection: this one misbehaves.
    pub(crate) fn suspect(&self) {
        self.suspect.cancel();
    }
}

/// Where a link stands.
#[derive(Clone)]
enum State {
    Down(Arc<Fault>),
    Up(Arc<Live>),
    Closed,
}

/// A connection that someone keeps up.
#[derive(Clone)]
pub(crate) struct Link {
    role: Role,
    state: watch::Receiver<State>,
}

impl Link {
    /// Starts the supervisor; it ends, with its connection closed, when `stop`
    /// is cancelled.
    pub(crate) fn start(
        role: Role,
        config: &AmqpConfig,
        topology: Arc<Topology>,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, TransportError> {
        let down = Fault::gone("not connected yet");
        let (report, state) = watch::channel(State::Down(Arc::new(down)));
        let supervisor = Supervisor {
            role,
            endpoint: Endpoint {
                uri: config.uri()?,
                ca_certificates: config.ca_certificates.clone(),
                name: format!("{} ({})", config.connection_name, role.name()),
                connect_timeout: config.connect_timeout,
            },
            topology,
            stop,
            report,
            reconnect: (config.reconnect_min, config.reconnect_max),
            close_timeout: config.close_timeout / 3,
            dials: TaskTracker::new(),
        };
        tasks.spawn(supervisor.run());
        Ok(Self { role, state })
    }

    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        match &*self.state.borrow() {
            State::Up(live) => Some(Arc::clone(live)),
            State::Down(_) | State::Closed => None,
        }
    }

    /// The connection, as soon as there is one.
    ///
    /// # Errors
    /// Why there was none until `deadline`.
    pub(crate) async fn up(&self, deadline: Instant) -> Result<Arc<Live>, TransportError> {
        let mut state = self.state.clone();
        let waited = timeout_at(
            deadline,
            state.wait_for(|state| !matches!(state, State::Down(_))),
        )
        .await;
        drop(waited);
        match &*self.state.borrow() {
            State::Up(live) => Ok(Arc::clone(live)),
            State::Closed => Err(TransportError::Closed),
            State::Down(fault) => {
                let what = format!("the {} connection", self.role.name());
                Err(match fault.as_ref().clone() {
                    Fault::Gone(reason) => TransportError::Unavailable {
                        reason: format!("{what}: {reason}"),
                    },
                    refused => refused.declaring(&what),
                })
            }
        }
    }
}
