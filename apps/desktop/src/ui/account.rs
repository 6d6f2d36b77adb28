use eframe::egui::{RichText, Ui};

use super::parts::{Field, card, chip, message, primary, title};
use super::theme::GAP;
use super::{Pen, explain};
use crate::model::{Account, Action, TopUpForm};
use crate::money::Currency;
use crate::words::fill;

/// Offers to top up by so many of the currency's major unit.
const OFFERS: [i64; 3] = [100, 500, 1000];

/// The balance and how to raise it.
pub(super) fn show(
    ui: &mut Ui,
    pen: Pen,
    account: &Account,
    form: &mut TopUpForm,
) -> Option<Action> {
    let (words, palette) = (pen.words, pen.palette);
    card(ui, palette, |ui| {
        title(ui, palette, words.balance);
        match account {
            Account::Reading => {
                ui.label(RichText::new(words.reading).size(30.0).color(palette.weak));
                None
            }
            Account::Unknown(failure) => {
                message(ui, palette.bad, &explain::failure(failure, words));
                let again = ui.button(words.line_retry).clicked();
                again.then_some(Action::Refresh)
            }
            Account::Missing { opening, failure } => {
                ui.label(RichText::new(words.no_account).color(palette.text));
                ui.add_space(GAP);
                let text = if *opening {
                    words.opening
                } else {
                    words.open_account
                };
                let open = primary(ui, palette, text, !opening).clicked();
                if let Some(failure) = failure {
                    message(ui, palette.bad, &explain::failure(failure, words));
                }
                open.then_some(Action::OpenAccount)
            }
            Account::Open { balance, currency } => {
                let balance = currency.show(*balance, pen.language);
                ui.label(RichText::new(balance).size(30.0).color(palette.text));
                ui.add_space(GAP);
                top_up(ui, pen, currency, form)
            }
        }
    })
}

fn top_up(ui: &mut Ui, pen: Pen, currency: &Currency, form: &mut TopUpForm) -> Option<Action> {
    let (words, palette) = (pen.words, pen.palette);
    let free = !form.intent.is_sending();
    let offers = ui.horizontal_wrapped(|ui| {
        OFFERS.into_iter().fold(None, |chosen, major| {
            let Ok(minor) = currency.read(&major.to_string()) else {
                return chosen;
            };
            let text = format!("+{}", currency.show_short(minor, pen.language));
            let clicked = chip(ui, &text, free).clicked();
            chosen.or(clicked.then_some(Action::Add(minor)))
        })
    });
    let error = form.amount_error.as_ref();
    let field = Field {
        id: "topup",
        label: words.topup_amount,
        hint: "",
        suffix: Some(currency.code().to_owned()),
        error: error.map(|error| explain::amount(error, currency, words, pen.language)),
        enabled: free,
    };
    let entered = field.show(ui, palette, &mut form.amount);
    ui.add_space(4.0);
    let text = if free {
        words.topup
    } else {
        words.topup_sending
    };
    let clicked = primary(ui, palette, text, free).clicked();
    if let Some(failure) = &form.intent.failure {
        message(ui, palette.bad, &explain::failure(failure, words));
    }
    if let Some(added) = form.added {
        let added = currency.show(added, pen.language);
        message(
            ui,
            palette.good,
            &fill(words.topup_done, &[("amount", &added)]),
        );
    }
    let typed = (entered || clicked).then_some(Action::TopUp);
    offers.inner.or(typed)
}
