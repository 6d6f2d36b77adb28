//! The page, as people use it: in Chromium, against the whole shop.

mod accessibility;
mod driver;
mod keyboard;
mod many;
mod modules;
mod money;
mod refusals;
mod returning;
mod tabs;
mod tour;
mod webdriver;
mod window;
