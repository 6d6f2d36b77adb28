use chrono::{DateTime, Local};
use eframe::egui::{Align, Button, Color32, Label, Layout, RichText, ScrollArea, Separator, Ui};

use super::parts::{card, message, sign, title};
use super::theme::GAP;
use super::{Pen, explain};
use crate::api::Status;
use crate::model::{Action, Listed, Orders};
use crate::money::Currency;

/// The list of orders; it scrolls by itself unless the window does.
pub(super) fn show(ui: &mut Ui, pen: Pen, orders: &Orders, scrolls: bool) -> Option<Action> {
    card(ui, pen.palette, |ui| {
        title(ui, pen.palette, pen.words.orders);
        ui.add_space(8.0);
        if scrolls {
            let area = ScrollArea::vertical().auto_shrink([false, false]);
            area.show(ui, |ui| list(ui, pen, orders)).inner
        } else {
            list(ui, pen, orders)
        }
    })
}

fn list(ui: &mut Ui, pen: Pen, orders: &Orders) -> Option<Action> {
    let (words, palette) = (pen.words, pen.palette);
    let mut action = None;
    if let Some(failure) = &orders.failure {
        message(ui, palette.bad, words.orders_failed);
        message(ui, palette.weak, &explain::failure(failure, words));
        action = ui
            .button(words.line_retry)
            .clicked()
            .then_some(Action::Refresh);
        ui.add_space(GAP);
    } else if !orders.known {
        message(ui, palette.weak, words.reading);
    } else if orders.listed().is_empty() {
        empty(ui, pen);
    }
    for (index, order) in orders.listed().iter().enumerate() {
        if index > 0 {
            ui.add(Separator::default().spacing(14.0));
        }
        row(ui, pen, order);
    }
    if orders.older().is_some() {
        ui.add_space(GAP);
        let older = ui.add_enabled(!orders.reading, Button::new(words.orders_older));
        action = action.or(older.clicked().then_some(Action::Older));
    }
    action
}

fn empty(ui: &mut Ui, pen: Pen) {
    ui.add_space(72.0);
    ui.vertical_centered(|ui| {
        ui.label(
            RichText::new(pen.words.no_orders)
                .size(18.0)
                .color(pen.palette.text),
        );
        ui.add_space(4.0);
        ui.set_max_width(340.0);
        ui.label(RichText::new(pen.words.no_orders_hint).color(pen.palette.weak));
    });
}

fn row(ui: &mut Ui, pen: Pen, order: &Listed) {
    let palette = pen.palette;
    ui.spacing_mut().interact_size.y = 0.0;
    let amount = Currency::new(&*order.currency).show(order.amount, pen.language);
    ends(
        ui,
        |ui| ui.label(RichText::new(amount).color(palette.text)),
        |ui| {
            let description = RichText::new(&order.description).color(palette.text);
            ui.add(Label::new(description).truncate())
        },
    );
    ends(
        ui,
        |ui| message(ui, palette.weak, &moment(&order.created_at)),
        |ui| {
            let (colour, word) = status(pen, order);
            sign(ui, colour, &word);
        },
    );
}

/// A line with something at its right end; what is left belongs to `left`.
fn ends<A, B>(ui: &mut Ui, right: impl FnOnce(&mut Ui) -> A, left: impl FnOnce(&mut Ui) -> B) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right(ui);
            ui.with_layout(Layout::left_to_right(Align::Center), left);
        });
    });
}

fn status(pen: Pen, order: &Listed) -> (Color32, String) {
    let colour = match order.status {
        Status::New => pen.palette.waiting,
        Status::Finished => pen.palette.good,
        Status::Cancelled => pen.palette.bad,
    };
    let word = explain::status(order.status, pen.words);
    let text = match explain::reason(order.reason, pen.words) {
        Some(reason) => format!("{word} \u{b7} {reason}"),
        None => word.to_owned(),
    };
    (colour, text)
}

/// The time on this machine's clock, with the day where it is not today.
fn moment(created_at: &str) -> String {
    let Ok(time) = DateTime::parse_from_rfc3339(created_at) else {
        return created_at.to_owned();
    };
    let time = time.with_timezone(&Local);
    let today = time.date_naive() == Local::now().date_naive();
    let form = if today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    time.format(form).to_string()
}
