//! The kit of Gozon's stories: servers, fresh databases, the shop as one handle.

pub mod servers;
