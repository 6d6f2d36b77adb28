use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::Reporter;

/// A line for the desktop's own notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) title: String,
    pub(crate) body: String,
}

/// Starts the thread that hands notifications to the desktop.
pub(super) fn spawn(queue: usize, alive: Reporter) -> io::Result<SyncSender<Notification>> {
    let (sender, notifications) = sync_channel(queue);
    thread::Builder::new()
        .name("notifications".into())
        .spawn(move || {
            while let Ok(notification) = notifications.recv() {
                show(&notification);
            }
            drop(alive);
        })?;
    Ok(sender)
}

fn show(notification: &Notification) {
    // Many desktops have nobody who shows notifications. The window shows the
    // same, so this is no error.
    let _ = desktop::show(notification);
}

#[cfg(target_os = "linux")]
mod desktop {
    use std::collections::HashMap;
    use std::time::Duration;

    use zbus::blocking::connection::Builder;
    use zbus::zvariant::Value;

    use super::Notification;

    /// How long the desktop may take to accept one.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// [`Notify`](https://specifications.freedesktop.org/notification-spec/latest/protocol.html)
    /// on the session's bus.
    pub(super) fn show(notification: &Notification) -> zbus::Result<()> {
        let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
        let actions: [&str; 0] = [];
        let hints = HashMap::from([("desktop-entry", Value::from("gozon-desktop"))]);
        let replaces = 0_u32;
        let as_the_desktop_likes = -1_i32;
        bus.call_method(
            Some("org.freedesktop.Notifications"),
            "/org/freedesktop/Notifications",
            Some("org.freedesktop.Notifications"),
            "Notify",
            &(
                "Gozon",
                replaces,
                "",
                &*notification.title,
                &*notification.body,
                &actions[..],
                hints,
                as_the_desktop_likes,
            ),
        )?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod desktop {
    use super::Notification;

    pub(super) fn show(notification: &Notification) -> notify_rust::error::Result<()> {
        notify_rust::Notification::new()
            .appname("Gozon")
            .summary(&notification.title)
            .body(&notification.body)
            .show()?;
        Ok(())
    }
}
