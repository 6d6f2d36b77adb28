//! The window: draws the model and tells it what the person wants.

mod account;
mod choose;
mod explain;
mod header;
mod order_form;
mod orders;
mod parts;
pub(crate) mod theme;

use std::time::Duration;

use eframe::egui::{CentralPanel, Context, Frame, Margin, Panel, ScrollArea, ThemePreference, Ui};

use self::explain::notification;
use self::theme::Palette;
use crate::model::{Action, Command, Line, Model, Screen, Session};
use crate::shop::Shop;
use crate::words::{Language, Words};

/// Narrower than this, everything stands in one column.
const TWO_COLUMNS: f32 = 760.0;
/// The column with the account and the form.
const LEFT: f32 = 356.0;

/// The window.
pub(crate) struct App {
    model: Model,
    /// `None` once the window is closing.
    shop: Option<Shop>,
    look: Look,
}

/// How the person wants the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) language: Language,
    pub(crate) theme: ThemePreference,
}

/// What a part of the window draws with.
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) words: &'static Words,
    pub(crate) language: Language,
    pub(crate) palette: Palette,
}

impl App {
    /// A window on this model and this shop.
    pub(crate) fn new(model: Model, shop: Shop, language: Language) -> Self {
        let look = Look {
            language,
            theme: ThemePreference::System,
        };
        let mut app = Self {
            model,
            shop: Some(shop),
            look,
        };
        app.carry_out();
        app
    }

    /// Does what the model asks for, and what it asks for because of that.
    fn carry_out(&mut self) {
        let Some(shop) = &mut self.shop else {
            return;
        };
        loop {
            let commands = self.model.take_commands();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Watch { visit, user } => {
                        if let Err(error) = shop.watch(visit, user) {
                            eprintln!("gozon-desktop: no thread for the live line: {error}");
                        }
                    }
                    Command::Leave => shop.leave(),
                    Command::Reconnect => shop.reconnect(),
                    Command::Call { visit, user, call } => {
                        if let Some(event) = shop.call(visit, user, call) {
                            self.model.hear(event);
                        }
                    }
                    Command::Notify(notice) => {
                        shop.notify(notification(&notice, self.look.language));
                    }
                }
            }
        }
    }
}

impl eframe::App for App {
    // Also called while the window is hidden: notifications come then, too.
    fn logic(&mut self, _ctx: &Context, _frame: &mut eframe::Frame) {
        if let Some(shop) = &self.shop {
            for event in shop.events() {
                self.model.hear(event);
            }
        }
        self.carry_out();
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let pen = Pen {
            words: self.look.language.words(),
            language: self.look.language,
            palette: Palette::of(ui.visuals()),
        };
        let action = match &mut self.model.screen {
            Screen::Choosing { typed, invalid } => {
                header::show(ui, pen, None, &mut self.look);
                choose::show(ui, pen, typed, *invalid)
            }
            Screen::Shopping(session) => {
                let above = header::show(ui, pen, Some(session), &mut self.look);
                let below = shopping(ui, pen, session);
                if let Line::Offline { .. } = session.line {
                    // The seconds until the next attempt are counted down.
                    ui.ctx().request_repaint_after(Duration::from_millis(500));
                }
                above.or(below)
            }
        };
        ui.ctx().set_theme(self.look.theme);
        if let Some(action) = action {
            self.model.act(action);
            self.carry_out();
            ui.ctx().request_repaint();
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if let Some(shop) = self.shop.take() {
            shop.close();
        }
    }
}

fn shopping(ui: &mut Ui, pen: Pen, session: &mut Session) -> Option<Action> {
    let frame = |right| {
        Frame::central_panel(ui.style()).inner_margin(Margin {
            left: 20,
            right,
            top: 4,
            bottom: 20,
        })
    };
    if ui.available_width() < TWO_COLUMNS {
        let frame = frame(20);
        let column = CentralPanel::default().frame(frame).show(ui, |ui| {
            let scrolled = ScrollArea::vertical().show(ui, |ui| {
                let left = left(ui, pen, session);
                ui.add_space(theme::GAP);
                left.or(orders::show(ui, pen, &session.orders, false))
            });
            scrolled.inner
        });
        return column.inner;
    }
    let (left_frame, right_frame) = (frame(0), frame(20));
    let left = Panel::left("left")
        .exact_size(LEFT)
        .resizable(false)
        .show_separator_line(false)
        .frame(left_frame)
        .show(ui, |ui| {
            let scrolled = ScrollArea::vertical().show(ui, |ui| left(ui, pen, session));
            scrolled.inner
        });
    let right = CentralPanel::default()
        .frame(right_frame)
        .show(ui, |ui| orders::show(ui, pen, &session.orders, true));
    left.inner.or(right.inner)
}

fn left(ui: &mut Ui, pen: Pen, session: &mut Session) -> Option<Action> {
    let account = account::show(ui, pen, &session.account, &mut session.top_up);
    ui.add_space(theme::GAP);
    let currency = session.account.currency();
    let order = order_form::show(ui, pen, currency, &mut session.order);
    account.or(order)
}
