//! The shop's binaries as processes.

use std::time::Duration;

use anyhow::Result;
use gozon_tests::http::Client;
use gozon_tests::processes::{Program, free_address};

/// The embedded shop: the binary that needs no server.
fn shop(folder: &tempfile::TempDir, api: std::net::SocketAddr) -> Result<Program> {
    let mut program = Program::named("gozon")
        .env("GOZON_DATA_DIR", folder.path().to_string_lossy())
        .env("GOZON_BIND", api.to_string())
        .ready_at(api);
    for other in [
        "GOZON_PAGE_BIND",
        "GOZON_ORDERS_BIND",
        "GOZON_PAYMENTS_BIND",
    ] {
        program = program.env(other, free_address()?.to_string());
    }
    Ok(program)
}

#[tokio::test]
async fn a_started_process_is_ready_and_a_stopped_one_has_ended_well() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let api = free_address()?;

    let process = shop(&folder, api)?.start().await?;
    Client::at(api).get("/readyz").await?.having(200)?;
    let status = process.stop().await?;

    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_killed_process_starts_again_on_its_port() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let api = free_address()?;
    let program = shop(&folder, api)?;

    program.start().await?.kill().await?;
    let mut process = program.start().await?;

    assert!(process.is_running()?);
    Ok(())
}

#[tokio::test]
async fn a_start_that_fails_shows_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = shop(&folder, free_address()?)?.env("GOZON_PAGE_BIND", "nonsense");

    let error = program.start().await.unwrap_err().to_string();

    assert!(error.contains("GOZON_PAGE_BIND: "), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_process_that_ends_by_itself_is_waited_for() -> Result<()> {
    let mut process = Program::named("gozon").argument("--help").spawn()?;

    let status = process.ended(Duration::from_secs(30)).await?;

    assert!(status.success(), "{status}");
    assert!(process.log()?.contains("GOZON_BIND"));
    Ok(())
}
