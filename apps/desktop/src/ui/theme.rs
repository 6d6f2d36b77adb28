//! Colours, sizes and distances: calm, one accent, light and dark.

use eframe::egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, Style, TextStyle, Theme,
    Visuals, vec2,
};

/// The colours of one theme that are not a widget's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) accent: Color32,
    pub(crate) on_accent: Color32,
    pub(crate) card: Color32,
    pub(crate) border: Color32,
    pub(crate) text: Color32,
    pub(crate) weak: Color32,
    pub(crate) good: Color32,
    pub(crate) waiting: Color32,
    pub(crate) bad: Color32,
    background: Color32,
    field: Color32,
    hovered: Color32,
}

const LIGHT: Palette = Palette {
    accent: Color32::from_rgb(0x0f, 0x6b, 0x5c),
    on_accent: Color32::WHITE,
    card: Color32::WHITE,
    border: Color32::from_rgb(0xe2, 0xe0, 0xda),
    text: Color32::from_rgb(0x22, 0x25, 0x24),
    weak: Color32::from_rgb(0x5f, 0x66, 0x63),
    good: Color32::from_rgb(0x0f, 0x6b, 0x5c),
    waiting: Color32::from_rgb(0x8a, 0x5a, 0x00),
    bad: Color32::from_rgb(0xb0, 0x2a, 0x2a),
    background: Color32::from_rgb(0xf7, 0xf6, 0xf2),
    field: Color32::from_rgb(0xfb, 0xfa, 0xf8),
    hovered: Color32::from_rgb(0xee, 0xec, 0xe6),
};

const DARK: Palette = Palette {
    accent: Color32::from_rgb(0x5f, 0xc9, 0xb3),
    on_accent: Color32::from_rgb(0x08, 0x1f, 0x1a),
    card: Color32::from_rgb(0x1f, 0x23, 0x22),
    border: Color32::from_rgb(0x35, 0x3b, 0x39),
    text: Color32::from_rgb(0xea, 0xec, 0xeb),
    weak: Color32::from_rgb(0xa3, 0xab, 0xa8),
    good: Color32::from_rgb(0x5f, 0xc9, 0xb3),
    waiting: Color32::from_rgb(0xe3, 0xb3, 0x4f),
    bad: Color32::from_rgb(0xf0, 0x8a, 0x84),
    background: Color32::from_rgb(0x16, 0x19, 0x18),
    field: Color32::from_rgb(0x18, 0x1b, 0x1a),
    hovered: Color32::from_rgb(0x2b, 0x30, 0x2e),
};

/// Between the parts of a card.
pub(crate) const GAP: f32 = 14.0;
/// Of buttons and fields.
pub(crate) const HEIGHT: f32 = 36.0;
/// Of chips.
pub(crate) const CHIP: f32 = 28.0;
/// Of a card's corners.
pub(crate) const ROUND: u8 = 12;
/// Inside a card.
pub(crate) const CARD: Margin = Margin::same(20);
/// Inside a field.
pub(crate) const FIELD: Margin = Margin::symmetric(10, 9);

/// Gives both themes our looks.
pub(crate) fn install(ctx: &Context) {
    for (theme, palette) in [(Theme::Light, LIGHT), (Theme::Dark, DARK)] {
        ctx.style_mut_of(theme, |style| shape(style, theme, palette));
    }
}

impl Palette {
    /// The colours that fit these visuals.
    pub(crate) fn of(visuals: &Visuals) -> Self {
        if visuals.dark_mode { DARK } else { LIGHT }
    }
}

fn shape(style: &mut Style, theme: Theme, palette: Palette) {
    let font = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, font(13.0)),
        (TextStyle::Body, font(15.0)),
        (TextStyle::Button, font(15.0)),
        (TextStyle::Heading, font(18.0)),
        (
            TextStyle::Monospace,
            FontId::new(14.0, FontFamily::Monospace),
        ),
    ]
    .into();
    style.spacing.item_spacing = vec2(8.0, 6.0);
    style.spacing.button_padding = vec2(14.0, 7.0);
    style.spacing.interact_size.y = HEIGHT;
    style.visuals = visuals(theme, palette);
}

fn visuals(theme: Theme, palette: Palette) -> Visuals {
    let mut visuals = theme.default_visuals();
    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.card;
    visuals.text_edit_bg_color = Some(palette.field);
    visuals.extreme_bg_color = palette.field;
    visuals.faint_bg_color = palette.hovered;
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(palette.weak);
    visuals.hyperlink_color = palette.accent;
    visuals.error_fg_color = palette.bad;
    visuals.warn_fg_color = palette.waiting;
    visuals.selection.bg_fill = palette.accent.gamma_multiply(0.3);
    visuals.selection.stroke = Stroke::new(1.5, palette.accent);
    let widgets = &mut visuals.widgets;
    for (state, fill, border) in [
        (&mut widgets.noninteractive, palette.card, palette.border),
        (&mut widgets.inactive, palette.card, palette.border),
        (&mut widgets.hovered, palette.hovered, palette.weak),
        (&mut widgets.active, palette.border, palette.accent),
        (&mut widgets.open, palette.hovered, palette.border),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, border);
        state.fg_stroke = Stroke::new(1.0, palette.text);
        state.corner_radius = CornerRadius::same(8);
        // A button that grows under the pointer moves what is beside it.
        state.expansion = 0.0;
    }
    visuals
}
