use eframe::egui::{CentralPanel, RichText, ScrollArea, Ui};

use super::Pen;
use super::parts::{Field, card, message, primary};
use super::theme::GAP;
use crate::model::Action;

/// Wide enough for a line that is easily read.
const WIDTH: f32 = 460.0;

/// Asks who is shopping.
pub(super) fn show(ui: &mut Ui, pen: Pen, typed: &mut String, invalid: bool) -> Option<Action> {
    let panel = CentralPanel::default().show(ui, |ui| {
        let scrolled = ScrollArea::vertical().show(ui, |ui| {
            ui.add_space(48.0);
            let centred = ui.vertical_centered(|ui| {
                ui.set_max_width(WIDTH);
                card(ui, pen.palette, |ui| form(ui, pen, typed, invalid))
            });
            centred.inner
        });
        scrolled.inner
    });
    panel.inner
}

fn form(ui: &mut Ui, pen: Pen, typed: &mut String, invalid: bool) -> Option<Action> {
    let (words, palette) = (pen.words, pen.palette);
    ui.with_layout(
        eframe::egui::Layout::top_down(eframe::egui::Align::Min),
        |ui| {
            ui.label(
                RichText::new(words.choose_title)
                    .size(24.0)
                    .color(palette.text),
            );
            ui.add_space(4.0);
            ui.label(RichText::new(words.choose_lead).color(palette.weak));
            ui.add_space(GAP);
            let fresh = primary(ui, palette, words.choose_fresh, true).clicked();
            ui.add_space(6.0);
            ui.vertical_centered(|ui| message(ui, palette.weak, words.choose_or));
            let field = Field {
                id: "user",
                label: words.choose_id,
                hint: "",
                suffix: None,
                error: invalid.then(|| words.choose_invalid.to_owned()),
                enabled: true,
            };
            let entered = field.show(ui, palette, typed);
            if !invalid {
                message(ui, palette.weak, words.choose_hint);
            }
            ui.add_space(6.0);
            let enter = ui.button(words.choose_enter).clicked();
            if fresh {
                Some(Action::EnterFresh)
            } else {
                (entered || enter).then_some(Action::Enter)
            }
        },
    )
    .inner
}
