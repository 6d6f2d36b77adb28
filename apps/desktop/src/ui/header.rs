use std::time::Instant;

use eframe::egui::{Align, Button, Frame, Layout, Margin, Panel, RichText, ThemePreference, Ui};

use super::parts::{message, sign};
use super::{Look, Pen};
use crate::model::{Action, Line, Session};
use crate::words::fill;

/// The name, the line's sign, who is shopping, language and colours.
pub(super) fn show(
    ui: &mut Ui,
    pen: Pen,
    session: Option<&Session>,
    look: &mut Look,
) -> Option<Action> {
    let frame = Frame::new()
        .fill(ui.visuals().panel_fill)
        .inner_margin(Margin::symmetric(20, 12));
    let panel = Panel::top("header")
        .frame(frame)
        .resizable(false)
        .show_separator_line(false)
        .show(ui, |ui| {
            let row = ui.horizontal(|ui| {
                ui.label(RichText::new("Gozon").size(22.0).color(pen.palette.accent));
                if let Some(session) = session {
                    ui.add_space(8.0);
                    line_sign(ui, pen, session.line);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    choices(ui, pen, look);
                    session.and_then(|session| customer(ui, pen, session))
                })
                .inner
            });
            let lost = session.and_then(|session| lost(ui, pen, session.line));
            row.inner.or(lost)
        });
    panel.inner
}

fn choices(ui: &mut Ui, pen: Pen, look: &mut Look) {
    let quiet = |ui: &mut Ui, text: &str| {
        let text = RichText::new(text).size(13.0).color(pen.palette.weak);
        ui.add(Button::new(text).frame(false)).clicked()
    };
    if quiet(ui, pen.words.other_language) {
        look.language = look.language.other();
    }
    let (theme, next) = match look.theme {
        ThemePreference::System => (pen.words.theme_system, ThemePreference::Light),
        ThemePreference::Light => (pen.words.theme_light, ThemePreference::Dark),
        ThemePreference::Dark => (pen.words.theme_dark, ThemePreference::System),
    };
    if quiet(ui, theme) {
        look.theme = next;
    }
}

fn customer(ui: &mut Ui, pen: Pen, session: &Session) -> Option<Action> {
    let text = RichText::new(session.user.as_str()).size(14.0);
    let button = ui.button(text).on_hover_text(pen.words.leave);
    button.clicked().then_some(Action::Leave)
}

/// How the line is.
fn line_sign(ui: &mut Ui, pen: Pen, line: Line) {
    let (colour, word) = match line {
        Line::Connecting => (pen.palette.waiting, pen.words.line_connecting),
        Line::Live => (pen.palette.good, pen.words.line_live),
        Line::Offline { .. } => (pen.palette.bad, pen.words.line_offline),
    };
    sign(ui, colour, word);
}

/// What being offline means, and when it may end.
fn lost(ui: &mut Ui, pen: Pen, line: Line) -> Option<Action> {
    let Line::Offline { retry_at } = line else {
        return None;
    };
    let row = ui.horizontal_wrapped(|ui| {
        message(ui, pen.palette.bad, pen.words.line_lost);
        let wait = retry_at.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            message(ui, pen.palette.weak, pen.words.line_connecting);
            return None;
        }
        let seconds = wait.as_secs().saturating_add(1).to_string();
        let text = fill(pen.words.line_retry_in, &[("seconds", &seconds)]);
        message(ui, pen.palette.weak, &text);
        let now = ui.button(RichText::new(pen.words.line_retry).size(13.0));
        now.clicked().then_some(Action::Reconnect)
    });
    row.inner
}
