//! What the parts of the window are made of.

use eframe::egui::{
    Button, Color32, CornerRadius, Frame, Id, Key, Response, RichText, Sense, Stroke, TextEdit, Ui,
    Vec2, vec2,
};

use super::theme::{CARD, CHIP, FIELD, HEIGHT, Palette, ROUND};

/// The room of a dot beside a line of small text.
const DOT: Vec2 = vec2(8.0, 17.0);

/// A card across the whole width.
pub(super) fn card<R>(ui: &mut Ui, palette: Palette, content: impl FnOnce(&mut Ui) -> R) -> R {
    Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(CornerRadius::same(ROUND))
        .inner_margin(CARD)
        .show(ui, |ui| {
            ui.take_available_width();
            content(ui)
        })
        .inner
}

/// A card's title.
pub(super) fn title(ui: &mut Ui, palette: Palette, text: &str) {
    ui.label(RichText::new(text).size(14.0).color(palette.weak));
    ui.add_space(2.0);
}

/// The button that matters most on its card, across its width.
pub(super) fn primary(ui: &mut Ui, palette: Palette, text: &str, enabled: bool) -> Response {
    let text = RichText::new(text).color(palette.on_accent).size(15.0);
    let button = Button::new(text)
        .fill(palette.accent)
        .stroke(Stroke::NONE)
        .min_size(vec2(0.0, HEIGHT));
    ui.vertical_centered_justified(|ui| ui.add_enabled(enabled, button))
        .inner
}

/// A small offer, such as an amount.
pub(super) fn chip(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    let button = Button::new(RichText::new(text).size(13.0)).corner_radius(CornerRadius::same(14));
    let shown = ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = CHIP;
        ui.spacing_mut().button_padding = vec2(10.0, 4.0);
        ui.add_enabled(enabled, button)
    });
    shown.inner
}

/// A field and what stands around it.
pub(super) struct Field<'a> {
    pub(super) id: &'static str,
    pub(super) label: &'a str,
    pub(super) hint: &'a str,
    /// Behind what is typed, such as a currency.
    pub(super) suffix: Option<String>,
    /// Beneath it, when what was typed is refused.
    pub(super) error: Option<String>,
    pub(super) enabled: bool,
}

impl Field<'_> {
    /// Draws the label, the field and its error; whether Enter was pressed in it.
    pub(super) fn show(self, ui: &mut Ui, palette: Palette, typed: &mut String) -> bool {
        let label = ui.label(RichText::new(self.label).size(13.0).color(palette.weak));
        let border = if self.error.is_some() {
            palette.bad
        } else {
            palette.border
        };
        let field = ui.scope(|ui| {
            ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, border);
            let mut edit = TextEdit::singleline(typed)
                .id(Id::unique(self.id))
                .hint_text(RichText::new(self.hint).color(palette.weak))
                .margin(FIELD)
                .desired_width(f32::INFINITY)
                .char_limit(400);
            if let Some(suffix) = self.suffix {
                edit = edit.suffix(RichText::new(suffix).color(palette.weak));
            }
            ui.add_enabled(self.enabled, edit).labelled_by(label.id)
        });
        if let Some(error) = self.error {
            message(ui, palette.bad, &error);
        }
        field.inner.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
    }
}

/// A dot and a word, in a colour that both have; for a layout in a row.
pub(super) fn sign(ui: &mut Ui, colour: Color32, text: &str) {
    let (dot, _) = ui.allocate_exact_size(DOT, Sense::empty());
    ui.painter().circle_filled(dot.center(), 4.0, colour);
    message(ui, colour, text);
}

/// A line of text in a colour that has a meaning; the words carry it as well.
pub(super) fn message(ui: &mut Ui, colour: Color32, text: &str) {
    ui.label(RichText::new(text).size(13.0).color(colour));
}
