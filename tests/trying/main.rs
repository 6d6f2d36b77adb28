//! What is offered for trying the API is true: each request that the
//! documentation, the Postman collection and the editors' file propose is
//! executed, and Python takes part in the conversation with nothing of ours.

mod documented;
mod editors;
mod explained;
mod newman;
mod python;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long anything may take that another process does.
const BOUND: Duration = Duration::from_secs(60);

gozon_tests::for_both_modes! {
    every_proposed_request_works_when_it_is_tried_out = crate::documented::every_proposed_request_works_when_it_is_tried_out;
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).join(path)
}

/// The folder in which cargo builds; test binaries lie in `<profile>/deps`.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(3);
    Ok(target
        .context("the test binary lies in no target folder")?
        .to_owned())
}
