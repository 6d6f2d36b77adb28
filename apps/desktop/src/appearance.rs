//! Light or dark, as the desktop wants it. Windows tells the window itself; on
//! Linux the desktop's portal is asked.

use std::io;
use std::thread;

use eframe::egui::{Context, Theme};

/// Follows the desktop's wish where the window is not told it.
///
/// # Errors
/// When the system has no thread for us.
pub(crate) fn follow_system(ctx: &Context) -> io::Result<()> {
    set_fallback(ctx, Theme::Light);
    let ctx = ctx.clone();
    // The portal may take its time, or be absent; nobody waits for it.
    thread::Builder::new()
        .name("appearance".into())
        .spawn(move || portal::follow(|theme| set_fallback(&ctx, theme)))?;
    Ok(())
}

fn set_fallback(ctx: &Context, theme: Theme) {
    ctx.options_mut(|options| options.fallback_theme = theme);
    ctx.request_repaint();
}

#[cfg(target_os = "linux")]
mod portal {
    use eframe::egui::Theme;
    use zbus::blocking::{Connection, Proxy};
    use zbus::zvariant::{OwnedValue, Value};

    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";

    /// Calls `set` now and at each change, for as long as there is a portal.
    pub(super) fn follow(set: impl Fn(Theme)) {
        // A desktop without a portal has no wish.
        let _ = listen(set);
    }

    fn listen(set: impl Fn(Theme)) -> zbus::Result<()> {
        let bus = Connection::session()?;
        let portal = Proxy::new(
            &bus,
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.Settings",
        )?;
        let changes = portal.receive_signal("SettingChanged")?;
        let now: OwnedValue = portal.call("Read", &(NAMESPACE, KEY))?;
        set(theme_of(&now));
        for change in changes {
            let body = change.body();
            let (namespace, key, value): (&str, &str, Value<'_>) = body.deserialize()?;
            if (namespace, key) == (NAMESPACE, KEY) {
                set(theme_of(&value));
            }
        }
        Ok(())
    }

    /// 1 is dark; everything else, and what is no number, is not. Older portals
    /// wrap the answer twice.
    pub(super) fn theme_of(value: &Value<'_>) -> Theme {
        match value {
            Value::Value(inner) => theme_of(inner),
            Value::U32(1) => Theme::Dark,
            _ => Theme::Light,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portal {
    use eframe::egui::Theme;

    pub(super) fn follow(_set: impl Fn(Theme)) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use zbus::zvariant::Value;

    use super::*;

    #[test]
    fn one_is_dark_however_it_is_wrapped() {
        assert_eq!(portal::theme_of(&Value::U32(1)), Theme::Dark);
        let wrapped = Value::Value(Box::new(Value::U32(1)));
        assert_eq!(portal::theme_of(&wrapped), Theme::Dark);
        assert_eq!(portal::theme_of(&Value::U32(0)), Theme::Light);
        assert_eq!(portal::theme_of(&Value::U32(2)), Theme::Light);
    }
}
