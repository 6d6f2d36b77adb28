use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::processes::{Program, free_address};
use gozon_tests::servers::postgres_database;
use tempfile::TempDir;

const BOUND: Duration = Duration::from_secs(30);
/// Stands in URLs as a password, and in no answer.
const SECRET: &str = "geheim";

/// A binary with one wrong setting, the variable that must be named, and what
/// the line must say besides.
type Row<'a> = (
    &'static str,
    &'static str,
    &'a str,
    &'static str,
    &'static str,
);

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line() -> Result<()> {
    const ALL: [&str; 4] = ["gozon", "gozon-gateway", "gozon-orders", "gozon-payments"];
    const SERVICES: [&str; 2] = ["gozon-orders", "gozon-payments"];
    let folder = tempfile::tempdir()?;
    let closed = free_address()?;
    let nowhere = format!("postgres://gozon:{SECRET}@{closed}/gozon");
    let absent = format!("{}_absent", postgres_database().await?);
    let encrypted = format!("{}?sslmode=require", postgres_database().await?);
    let file = folder.path().join("a-file");
    std::fs::write(&file, "not a database, nor a folder")?;
    let no_database = format!("sqlite:{}", file.display());
    let no_folder = format!("sqlite:{}/x/y.db", file.display());
    let no_data_folder = file.display().to_string();

    let mut rows: Vec<Row<'_>> = Vec::new();
    for binary in ALL {
        rows.extend([
            (binary, "GOZON_BIND", "8000", "GOZON_BIND", "ADDRESS:PORT"),
            (
                binary,
                "GOZON_BIND",
                "127.0.0.1:99999",
                "GOZON_BIND",
                "ADDRESS:PORT",
            ),
            (
                binary,
                "GOZON_BODY_LIMIT",
                "64k",
                "GOZON_BODY_LIMIT",
                "such as 65536",
            ),
            (
                binary,
                "GOZON_BODY_LIMIT",
                "-1",
                "GOZON_BODY_LIMIT",
                "such as 65536",
            ),
            (
                binary,
                "GOZON_HEADER_TIMEOUT",
                "10",
                "GOZON_HEADER_TIMEOUT",
                "ms, s, m or h",
            ),
            (
                binary,
                "GOZON_MAX_CONNECTIONS",
                "0",
                "GOZON_MAX_CONNECTIONS",
                "such as 10000",
            ),
            (
                binary,
                "GOZON_SHUTDOWN_DELAY",
                "8s",
                "GOZON_SHUTDOWN_DELAY",
                "shorter than GOZON_DRAIN_TIMEOUT",
            ),
            (binary, "GOZON_LOG", "a=b=c", "GOZON_LOG", "such as info"),
            (
                binary,
                "GOZON_LOG_FORMAT",
                "xml",
                "GOZON_LOG_FORMAT",
                "text or json",
            ),
        ]);
    }
    for binary in ["gozon", "gozon-gateway"] {
        rows.extend([
            (
                binary,
                "GOZON_MAX_IN_FLIGHT",
                "many",
                "GOZON_MAX_IN_FLIGHT",
                "such as 256",
            ),
            (
                binary,
                "GOZON_PAGE_BIND",
                "localhost",
                "GOZON_PAGE_BIND",
                "ADDRESS:PORT",
            ),
            (
                binary,
                "GOZON_REQUEST_TIMEOUT",
                "1s",
                "GOZON_REQUEST_TIMEOUT",
                "longer than",
            ),
        ]);
    }
    rows.extend([
        (
            "gozon-gateway",
            "GOZON_ORDERS_URL",
            "ftp://orders",
            "GOZON_ORDERS_URL",
            "http",
        ),
        (
            "gozon-gateway",
            "GOZON_PAYMENTS_URL",
            "nothing at all",
            "GOZON_PAYMENTS_URL",
            "http",
        ),
        (
            "gozon",
            "GOZON_DATA_DIR",
            &no_data_folder,
            "GOZON_DATA_DIR",
            "choose a folder",
        ),
    ]);
    for binary in ["gozon", "gozon-orders", "gozon-payments"] {
        for currency in ["rub", "RU", "RUBLE", "₽₽₽", "R1B"] {
            rows.push((
                binary,
                "GOZON_CURRENCY",
                currency,
                "GOZON_CURRENCY",
                "three capital letters",
            ));
        }
    }
    for binary in SERVICES {
        rows.extend([
            (
                binary,
                "DATABASE_URL",
                "",
                "DATABASE_URL",
                "postgres://user:password@host:5432/name or sqlite:",
            ),
            (
                binary,
                "DATABASE_URL",
                "mysql://gozon:geheim@db/gozon",
                "DATABASE_URL",
                "use postgres://user:password@host:5432/name or sqlite:",
            ),
            (
                binary,
                "DATABASE_URL",
                "geheim",
                "DATABASE_URL",
                "has no scheme",
            ),
            (
                binary,
                "DATABASE_URL",
                "postgres:gozon",
                "DATABASE_URL",
                "lacks `//`",
            ),
            (
                binary,
                "DATABASE_URL",
                "sqlite::memory:",
                "DATABASE_URL",
                "sqlite:path/to/file",
            ),
            (
                binary,
                "DATABASE_URL",
                "postgres://gozon:geheim@localhost:many/gozon",
                "DATABASE_URL",
                "mend the URL",
            ),
            (
                binary,
                "DATABASE_URL",
                &absent,
                "DATABASE_URL",
                "mend the URL",
            ),
            (
                binary,
                "DATABASE_URL",
                &nowhere,
                "DATABASE_URL",
                "start it or mend the URL",
            ),
            (
                binary,
                "DATABASE_URL",
                &no_database,
                "DATABASE_URL",
                "mend the URL",
            ),
            (
                binary,
                "DATABASE_URL",
                &no_folder,
                "DATABASE_URL",
                "path that can be written",
            ),
            // What a service without TLS would not get as far as asking.
            (
                binary,
                "DATABASE_URL",
                &encrypted,
                "DATABASE_URL",
                "server does not support TLS",
            ),
            (
                binary,
                "GOZON_DB_SCHEMA",
                "x; DROP SCHEMA public",
                "GOZON_DB_SCHEMA",
                "lower-case letters",
            ),
            (
                binary,
                "GOZON_DB_POOL",
                "ten",
                "GOZON_DB_POOL",
                "such as 10",
            ),
            (binary, "GOZON_DB_POOL", "0", "GOZON_DB_POOL", "such as 10"),
            (
                binary,
                "GOZON_DB_START_TIMEOUT",
                "soon",
                "GOZON_DB_START_TIMEOUT",
                "ms, s, m or h",
            ),
            (
                binary,
                "AMQP_URL",
                "",
                "AMQP_URL",
                "amqp://user:password@host:5672/%2f",
            ),
            (
                binary,
                "AMQP_URL",
                "http://gozon:geheim@mq",
                "AMQP_URL",
                "use amqp://",
            ),
            (
                binary,
                "AMQP_URL",
                "amqp://gozon:geheim@mq:many/%2f",
                "AMQP_URL",
                "amqp://",
            ),
            (
                binary,
                "AMQP_URL",
                "amqp://gozon:geheim@",
                "AMQP_URL",
                "amqp://",
            ),
        ]);
    }

    let mut wrong = Vec::new();
    for row in &rows {
        if let Err(error) = stops(&folder, row).await {
            wrong.push(format!("{} {}={}: {error:#}", row.0, row.1, row.2));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    Ok(())
}

async fn stops(folder: &TempDir, (binary, name, value, variable, mend): &Row<'_>) -> Result<()> {
    let mut process = good(binary, folder)?.env(*name, *value).spawn()?;
    let status = process.ended(BOUND).await?;
    let log = process.log()?;
    let line = one_line(&log)?;
    ensure!(status.code() == Some(2), "{status}: {line}");
    let begin = format!("{binary}: {variable}: ");
    ensure!(line.starts_with(&begin) && line.contains(mend), "{line}");
    ensure!(!line.contains(SECRET), "{line}");
    Ok(())
}

/// The only line of everything that was printed.
pub(crate) fn one_line(log: &str) -> Result<&str> {
    let mut lines = log.lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line),
        _ => anyhow::bail!("not one line: {log:?}"),
    }
}

/// Settings that only lack a broker, and log nothing but failures.
pub(crate) fn good(binary: &'static str, folder: &TempDir) -> Result<Program> {
    let database = folder.path().join(format!("{binary}.db"));
    let data = folder.path().join("data");
    let mut program = Program::named(binary).env("GOZON_LOG", "error");
    for bind in [
        "GOZON_BIND",
        "GOZON_PAGE_BIND",
        "GOZON_ORDERS_BIND",
        "GOZON_PAYMENTS_BIND",
    ] {
        program = program.env(bind, free_address()?.to_string());
    }
    Ok(program
        .env("GOZON_DATA_DIR", data.to_string_lossy())
        .env("GOZON_DB_START_TIMEOUT", "200ms")
        .env("DATABASE_URL", format!("sqlite:{}", database.display()))
        .env(
            "AMQP_URL",
            format!("amqp://gozon:{SECRET}@{}/%2f", free_address()?),
        ))
}
