//! What depends on what else runs: ports, folders, brokers.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::eventually;
use gozon_tests::http::Client;
use gozon_tests::processes::{Process, Program, free_address};
use gozon_tests::shop::{Mode, Service, Shop};
use serde_json::json;

use crate::wrong::{good, one_line};

const BOUND: Duration = Duration::from_secs(30);

/// The one line of a start that must fail.
async fn refused(program: &Program) -> Result<String> {
    let mut process = program.spawn()?;
    let status = process.ended(BOUND).await?;
    let log = process.log()?;
    let line = one_line(&log)?;
    ensure!(status.code() == Some(2), "{status}: {line}");
    Ok(line.to_owned())
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_variable() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let taken = taken.local_addr().map(|address| (address, taken))?;
    for (binary, variable) in [
        ("gozon", "GOZON_BIND"),
        ("gozon", "GOZON_PAGE_BIND"),
        ("gozon", "GOZON_ORDERS_BIND"),
        ("gozon", "GOZON_PAYMENTS_BIND"),
        ("gozon-gateway", "GOZON_BIND"),
        ("gozon-gateway", "GOZON_PAGE_BIND"),
        ("gozon-gateway", "GOZON_PASS_ORDERS_BIND"),
        ("gozon-gateway", "GOZON_PASS_PAYMENTS_BIND"),
        ("gozon-orders", "GOZON_BIND"),
        ("gozon-payments", "GOZON_BIND"),
    ] {
        let program = good(binary, &folder)?.env(variable, taken.0.to_string());
        let line = refused(&program).await?;
        ensure!(
            line.starts_with(&format!(
                "{binary}: {variable}: cannot listen on {}",
                taken.0
            )) && line.contains("choose another port"),
            "{line}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_second_start_on_one_data_folder_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let first = good("gozon", &folder)?
        .env("GOZON_BIND", address.to_string())
        .ready_at(address)
        .start()
        .await?;

    let line = refused(&good("gozon", &folder)?).await?;

    ensure!(
        line.starts_with("gozon: GOZON_DATA_DIR: ")
            && line.contains("is in use by another gozon; stop it or choose another folder"),
        "{line}"
    );
    // The first one is not disturbed, and leaves the folder to the next.
    Client::at(address).get("/readyz").await?.having(200)?;
    ensure!(first.stop().await?.success());
    let again = good("gozon", &folder)?
        .env("GOZON_BIND", address.to_string())
        .ready_at(address)
        .start()
        .await?;
    ensure!(again.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn the_health_check_answers_with_its_exit_code() -> Result<()> {
    let shop = Shop::start(Mode::Production).await?;
    for (binary, service) in [
        ("gozon-gateway", Service::Gateway),
        ("gozon-orders", Service::Orders),
        ("gozon-payments", Service::Payments),
    ] {
        let folder = tempfile::tempdir()?;
        let at = |address: String| {
            Ok::<_, anyhow::Error>(good(binary, &folder)?.env("GOZON_BIND", address))
        };
        let running = at(shop.address(service, 0).to_string())?;
        for arguments in [&["healthcheck"][..], &["healthcheck", "--live"]] {
            let (code, printed) = run(&running, arguments).await?;
            ensure!(code == Some(0) && printed.is_empty(), "{code:?}: {printed}");
        }
        let (code, printed) = run(&at(free_address()?.to_string())?, &["healthcheck"]).await?;
        ensure!(code == Some(1), "{code:?}: {printed}");
        ensure!(one_line(&printed)?.contains("no answer"), "{printed}");
    }
    Ok(())
}

async fn run(program: &Program, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let mut program = program.clone();
    for argument in arguments {
        program = program.argument(*argument);
    }
    let mut process = program.spawn()?;
    let status = process.ended(BOUND).await?;
    Ok((status.code(), process.log()?))
}

#[tokio::test]
async fn without_a_broker_a_service_is_live_and_not_ready_and_takes_orders() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (orders, _orders) = start_without_broker("gozon-orders", &folder).await?;
    let (payments, _payments) = start_without_broker("gozon-payments", &folder).await?;

    let anna = orders.as_user("anna");
    let order = json!({"amount": 100, "description": "a book"});
    anna.post("/orders", &order).await?.having(201)?;
    let anna = payments.as_user("anna");
    anna.post_nothing("/accounts").await?.having(201)?;
    Ok(())
}

async fn start_without_broker(
    binary: &'static str,
    folder: &tempfile::TempDir,
) -> Result<(Client, Process)> {
    let address = free_address()?;
    let program = good(binary, folder)?.env("GOZON_BIND", address.to_string());
    let process = program.spawn()?;
    let client = Client::at(address);
    eventually(BOUND, "it is live", async || {
        client.get("/livez").await?.having(200)
    })
    .await?;

    let plain = client.get("/readyz").await?.having(503)?;
    ensure!(plain.json()?["code"] == "not_ready", "{}", plain.text());
    let report = client.get("/readyz?verbose").await?.having(503)?.json()?;
    ensure!(report["ready"] == false, "{report}");
    for check in report["checks"].as_array().into_iter().flatten() {
        // Without a broker nothing can be consumed either.
        let expected = check["name"] != "broker" && check["name"] != "consumer";
        ensure!(check["ready"] == expected, "{report}");
    }
    let (code, _) = run(&program, &["healthcheck"]).await?;
    ensure!(code == Some(1), "{code:?}");
    let (code, _) = run(&program, &["healthcheck", "--live"]).await?;
    ensure!(code == Some(0), "{code:?}");
    Ok((client, process))
}
