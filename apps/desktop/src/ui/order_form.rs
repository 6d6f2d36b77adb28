use eframe::egui::Ui;

use super::parts::{Field, card, chip, message, primary, title};
use super::{Pen, explain};
use crate::model::{Action, OrderForm};
use crate::money::Currency;

/// The form for a new order. Without a currency there is no account yet.
pub(super) fn show(
    ui: &mut Ui,
    pen: Pen,
    currency: Option<&Currency>,
    form: &mut OrderForm,
) -> Option<Action> {
    let (words, palette) = (pen.words, pen.palette);
    card(ui, palette, |ui| {
        title(ui, palette, words.new_order);
        let Some(currency) = currency else {
            message(ui, palette.weak, words.needs_account);
            return None;
        };
        let free = !form.intent.is_sending();
        let error = form.description_error.as_ref();
        let description = Field {
            id: "description",
            label: words.description,
            hint: words.description_hint,
            suffix: None,
            error: error.map(|error| explain::description(error, words)),
            enabled: free,
        };
        let mut entered = description.show(ui, palette, &mut form.description);
        ideas(ui, pen, form, free);
        let error = form.amount_error.as_ref();
        let price = Field {
            id: "price",
            label: words.price,
            hint: "",
            suffix: Some(currency.code().to_owned()),
            error: error.map(|error| explain::amount(error, currency, words, pen.language)),
            enabled: free,
        };
        entered |= price.show(ui, palette, &mut form.amount);
        ui.add_space(4.0);
        let text = if free { words.order } else { words.ordering };
        let clicked = primary(ui, palette, text, free).clicked();
        if let Some(failure) = &form.intent.failure {
            message(ui, palette.bad, &explain::failure(failure, words));
        }
        (entered || clicked).then_some(Action::Order)
    })
}

/// Something to order for who has no idea.
fn ideas(ui: &mut Ui, pen: Pen, form: &mut OrderForm, enabled: bool) {
    let words = pen.words;
    ui.horizontal_wrapped(|ui| {
        for (name, major) in [
            (words.idea_tea, 25),
            (words.idea_book, 49),
            (words.idea_teapot, 190),
            (words.idea_samovar, 1200),
        ] {
            if chip(ui, name, enabled).clicked() {
                form.description = name.to_owned();
                form.amount = major.to_string();
                form.description_error = None;
                form.amount_error = None;
            }
        }
    });
}
