//! Everything that waits: calls, the live line, notifications. Each has a thread
//! of its own, each queue a bound, and closing waits for none of them long.

mod backoff;
mod calls;
mod connect;
mod line;
mod notify;
mod stop;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use self::line::LiveLine;
pub(crate) use self::notify::Notification;
use crate::api::{Client, Failure, Server};
use crate::model::{Call, Event, News, Visit};
use crate::user::UserId;

/// Calls that wait for their turn. A person fills no more than a few.
const CALLS: usize = 16;
/// Notifications that wait. More at once tell nobody anything.
const NOTIFICATIONS: usize = 8;
/// Events that the window has not taken yet. Beyond, their threads wait.
const EVENTS: usize = 256;
/// How long closing waits for calls that are under way.
const FAREWELL: Duration = Duration::from_secs(2);

/// Wakes the window when there is an event.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// The threads that speak with the shop. Dropping it ends them.
pub(crate) struct Shop {
    server: Server,
    reporter: Reporter,
    events: Receiver<Event>,
    calls: SyncSender<calls::Request>,
    notifications: SyncSender<Notification>,
    line: Option<LiveLine>,
    ended: Receiver<Infallible>,
}

impl Shop {
    /// Starts the threads; nothing is sent yet.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(crate) fn open(server: Server, wake: Wake) -> io::Result<Self> {
        let (sender, events) = sync_channel(EVENTS);
        let (alive, ended) = channel();
        let reporter = Reporter {
            sender,
            wake,
            _alive: alive,
        };
        Ok(Self {
            calls: calls::spawn(Client::new(server.clone()), reporter.clone(), CALLS)?,
            notifications: notify::spawn(NOTIFICATIONS, reporter.clone())?,
            server,
            reporter,
            events,
            line: None,
            ended,
        })
    }

    /// Queues a call. If it cannot be, its answer is returned.
    pub(crate) fn call(&self, visit: Visit, user: UserId, call: Call) -> Option<Event> {
        let refused = self.calls.try_send(calls::Request { visit, user, call });
        let request = match refused.err()? {
            std::sync::mpsc::TrySendError::Full(request)
            | std::sync::mpsc::TrySendError::Disconnected(request) => request,
        };
        Some(Event {
            visit,
            news: News::Answer(request.call.failed(Failure::Busy)),
        })
    }

    /// Keeps a live line for this user, instead of any other.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(crate) fn watch(&mut self, visit: Visit, user: UserId) -> io::Result<()> {
        self.line = None;
        let reporter = self.reporter.clone();
        self.line = Some(LiveLine::open(&self.server, visit, user, reporter)?);
        Ok(())
    }

    /// Keeps no live line.
    pub(crate) fn leave(&mut self) {
        self.line = None;
    }

    /// Connects the live line at once if it waits.
    pub(crate) fn reconnect(&self) {
        if let Some(line) = &self.line {
            line.hurry();
        }
    }

    /// Tells the person; not if too much waits to be told already.
    pub(crate) fn notify(&self, notification: Notification) {
        // Full or gone: the window shows it anyway.
        let _ = self.notifications.try_send(notification);
    }

    /// What has happened since the last time.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.events.try_iter()
    }

    /// Ends the threads and waits for them, not long: what is under way then
    /// ends with the process.
    pub(crate) fn close(self) {
        let ended = self.ended;
        // The ends of all queues: whoever waits at one wakes up.
        drop((self.line, self.calls, self.notifications, self.events));
        drop(self.reporter);
        let _ = ended.recv_timeout(FAREWELL);
    }
}

/// Brings events to the window.
#[derive(Clone)]
struct Reporter {
    sender: SyncSender<Event>,
    wake: Wake,
    /// Tells by its end that the thread has ended.
    _alive: std::sync::mpsc::Sender<Infallible>,
}

/// The window has gone.
struct Closed;

impl Reporter {
    fn report(&self, visit: Visit, news: News) -> Result<(), Closed> {
        let event = Event { visit, news };
        self.sender.send(event).map_err(|_| Closed)?;
        (self.wake)();
        Ok(())
    }
}
