use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use crate::display::Display;
use crate::process::Process;
use crate::wait::PATIENCE;

/// A session bus of our own, with somebody on it who takes notifications.
pub(crate) struct Bus {
    address: String,
    notifications: Receiver<(String, String)>,
    connection: Connection,
    _process: Process,
}

struct Notifications(Sender<(String, String)>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[allow(clippy::too_many_arguments)] // The protocol has so many.
    fn notify(
        &self,
        _app_name: &str,
        _replaces: u32,
        _icon: &str,
        summary: &str,
        body: &str,
        _actions: Vec<String>,
        _hints: std::collections::HashMap<String, zbus::zvariant::OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let _ = self.0.send((plain(summary), plain(body)));
        1
    }
}

impl Bus {
    pub(crate) fn start(folder: &Path, display: &Display) -> Self {
        let mut command = Command::new("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            // Those whom the bus starts on demand.
            .env("DISPLAY", display.name())
            .env("XDG_RUNTIME_DIR", folder)
            // No settings of the person who runs the test.
            .env("GSETTINGS_BACKEND", "memory")
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut process = Process::spawn("dbus-daemon", folder, &mut command);
        let address = process.wait_for_line(|line| line.starts_with("unix:").then_some(line));
        let (sender, notifications) = channel();
        let connection = Builder::address(&*address)
            .unwrap()
            .method_timeout(PATIENCE)
            .name("org.freedesktop.Notifications")
            .unwrap()
            .serve_at("/org/freedesktop/Notifications", Notifications(sender))
            .unwrap()
            .build()
            .unwrap();
        Self {
            address,
            notifications,
            connection,
            _process: process,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits for the next notification; this it must be.
    pub(crate) fn wait_for_notification(&self, title: &str, body: &str) {
        let begun = Instant::now();
        let next = self.notifications.recv_timeout(PATIENCE);
        let next = next.unwrap_or_else(|_| panic!("no notification in {:?}", begun.elapsed()));
        assert_eq!(next, (title.to_owned(), body.to_owned()));
    }
}

/// With the spaces that break no line as spaces.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}
