//! A desktop window on the Gozon shop: an account, top-ups, orders and their
//! live statuses, over the same HTTP API that everybody uses.

// On Windows a window without a console behind it.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod api;
mod appearance;
mod model;
mod money;
mod settings;
mod shop;
mod ui;
mod user;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use eframe::egui::ViewportBuilder;
use uuid::Uuid;

use crate::model::Model;
use crate::settings::Settings;
use crate::shop::Shop;
use crate::ui::App;

fn main() -> ExitCode {
    match open(Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gozon-desktop: cannot open a window: {error}");
            ExitCode::FAILURE
        }
    }
}

fn open(settings: Settings) -> eframe::Result {
    let viewport = ViewportBuilder::default()
        .with_title("Gozon")
        .with_app_id("gozon-desktop")
        .with_inner_size([980.0, 700.0])
        .with_min_inner_size([380.0, 480.0]);
    let options = eframe::NativeOptions {
        viewport,
        ..eframe::NativeOptions::default()
    };
    let create = move |context: &eframe::CreationContext<'_>| {
        let ctx = context.egui_ctx.clone();
        let wake = Arc::new(move || ctx.request_repaint());
        let shop = Shop::open(settings.server, wake)?;
        let mut model = Model::new(Box::new(|| Uuid::new_v4().to_string()));
        if let Some(user) = settings.user {
            model.enter(user);
        }
        let language = settings.language.unwrap_or_else(words::Language::of_system);
        ui::theme::install(&context.egui_ctx);
        appearance::follow_system(&context.egui_ctx)?;
        let app: Box<dyn eframe::App> = Box::new(App::new(model, shop, language));
        Ok(app)
    };
    eframe::run_native("gozon-desktop", options, Box::new(create))
}
