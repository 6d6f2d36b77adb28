use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tungstenite::Message;

use super::backoff::Backoff;
use super::connect::{NoConnection, allow_silence, connect};
use super::stop::{Stop, Stopped};
use super::{Closed, Reporter};
use crate::api::{Frame, Server};
use crate::model::{Line, News, Visit};
use crate::user::UserId;

/// The live line of one user. It comes back by itself; dropping it ends it.
pub(super) struct LiveLine {
    stop: Arc<Stop>,
}

impl LiveLine {
    /// Begins to connect.
    pub(super) fn open(
        server: &Server,
        visit: Visit,
        user: UserId,
        reporter: Reporter,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let listener = Listener {
            server: server.clone(),
            visit,
            user,
            reporter,
            stop: stop.clone(),
        };
        thread::Builder::new().name("line".into()).spawn(move || {
            let Err(Over) = listener.run();
        })?;
        Ok(Self { stop })
    }

    /// Connects at once if it waits.
    pub(super) fn hurry(&self) {
        self.stop.hurry();
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

struct Listener {
    server: Server,
    visit: Visit,
    user: UserId,
    reporter: Reporter,
    stop: Arc<Stop>,
}

/// Nobody listens any more.
struct Over;

impl From<Stopped> for Over {
    fn from(_: Stopped) -> Self {
        Self
    }
}

impl From<Closed> for Over {
    fn from(_: Closed) -> Self {
        Self
    }
}

impl Listener {
    fn run(&self) -> Result<std::convert::Infallible, Over> {
        let mut backoff = Backoff::default();
        loop {
            if self.listen()? {
                backoff.reset();
            }
            let pause = backoff.pause();
            let retry_at = Instant::now() + pause;
            self.report(News::Line(Line::Offline { retry_at }))?;
            self.stop.pause(pause)?;
        }
    }

    /// Listens until the line is lost; whether it was live before.
    fn listen(&self) -> Result<bool, Over> {
        let mut socket = match connect(&self.server, &self.user, &self.stop) {
            Ok(socket) => socket,
            Err(NoConnection::Stopped) => return Err(Over),
            Err(NoConnection::Failed) => return Ok(false),
        };
        let mut live = false;
        // Reading answers pings and the other side's close as well.
        while let Ok(message) = socket.read() {
            let Message::Text(text) = message else {
                continue;
            };
            let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                // Not a shop, or one that speaks otherwise.
                return Ok(false);
            };
            if frame == Frame::Ready {
                live = true;
                if allow_silence(&socket).is_err() {
                    return Ok(live);
                }
            }
            self.report(News::Frame(frame))?;
        }
        Ok(live)
    }

    fn report(&self, news: News) -> Result<(), Closed> {
        self.reporter.report(self.visit, news)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
    use std::time::Duration;

    use super::*;
    use crate::model::Event;

    const PATIENCE: Duration = Duration::from_secs(60);
    const VISIT: Visit = Visit(7);

    fn line(server: &str) -> (LiveLine, Receiver<Event>) {
        let (sender, events) = sync_channel(16);
        let (alive, _) = channel();
        let reporter = Reporter {
            sender,
            wake: Arc::new(|| {}),
            _alive: alive,
        };
        let user = UserId::parse("anna").unwrap();
        let line = LiveLine::open(&server.parse().unwrap(), VISIT, user, reporter).unwrap();
        (line, events)
    }

    fn next(events: &Receiver<Event>) -> News {
        let event = events.recv_timeout(PATIENCE).unwrap();
        assert_eq!(event.visit, VISIT);
        event.news
    }

    #[test]
    fn a_lost_line_is_told_and_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (line, events) = line(&format!("http://{}", listener.local_addr().unwrap()));
        let accept = || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = tungstenite::accept(stream).unwrap();
            socket.send(Message::text(r#"{"type":"ready"}"#)).unwrap();
            socket
        };

        let socket = accept();
        assert_eq!(next(&events), News::Frame(Frame::Ready));
        drop(socket);
        let offline = next(&events);
        assert!(
            matches!(offline, News::Line(Line::Offline { .. })),
            "{offline:?}"
        );
        line.hurry();
        let mut socket = accept();
        assert_eq!(next(&events), News::Frame(Frame::Ready));

        drop(line);
        assert!(socket.read().is_err(), "dropping the line ends it");
        let end = loop {
            match events.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(end) => break end,
            }
        };
        assert_eq!(end, RecvTimeoutError::Disconnected, "and its thread");
    }

    #[test]
    fn what_is_no_shop_is_no_line_with_or_without_tls() {
        for scheme in ["http", "https"] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (_line, events) = line(&format!("{scheme}://{address}"));
            drop(listener.accept().unwrap());
            let offline = next(&events);
            assert!(
                matches!(offline, News::Line(Line::Offline { .. })),
                "{offline:?}"
            );
        }
    }
}
