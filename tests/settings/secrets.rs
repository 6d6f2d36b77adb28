//! Secrets that stand in files.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::processes::{Program, free_address};
use gozon_tests::servers::{amqp_prefix, amqp_url, postgres_database};

use crate::wrong::{good, one_line};

const BOUND: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_service_starts_on_secrets_that_stand_in_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for binary in ["gozon-orders", "gozon-payments"] {
        let database = folder.path().join("database-url");
        let broker = folder.path().join("amqp-url");
        // As an editor or `echo` writes them.
        fs::write(&database, format!("{}\n", postgres_database().await?))?;
        fs::write(&broker, format!("{}\n", amqp_url().await?))?;
        let address = free_address()?;

        let process = Program::named(binary)
            .env("DATABASE_URL_FILE", database.to_string_lossy())
            .env("AMQP_URL_FILE", broker.to_string_lossy())
            .env("GOZON_AMQP_PREFIX", amqp_prefix())
            .env("GOZON_BIND", address.to_string())
            .ready_at(address)
            .start()
            .await?;

        ensure!(process.stop().await?.success());
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_file_that_cannot_be_used_stops_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).map(|()| path.to_string_lossy().into_owned())
    };
    let empty = file("empty", "\n")?;
    let wrong = file("wrong", "http://gozon:geheim@nowhere")?;
    let fine = file("fine", "amqp://gozon:geheim@127.0.0.1:1/%2f\n")?;
    let missing = folder.path().join("missing");
    let missing = missing.to_string_lossy();
    for binary in ["gozon-orders", "gozon-payments"] {
        for secret in ["DATABASE_URL", "AMQP_URL"] {
            let variable = format!("{secret}_FILE");
            for (plain, path, mend) in [
                (
                    "",
                    &*missing,
                    format!("name a file that holds the value of {secret}"),
                ),
                ("", &empty, format!("write the value of {secret} into it")),
                ("", &wrong, "; use ".to_owned()),
                (
                    "amqp://gozon:geheim@mq",
                    &fine,
                    "keep one of the two".to_owned(),
                ),
            ] {
                let program = good(binary, &folder)?
                    .env(secret, plain)
                    .env(&variable, path);
                let mut process = program.spawn()?;
                let status = process.ended(BOUND).await?;

                let log = process.log()?;
                let line = one_line(&log)?;
                ensure!(status.code() == Some(2), "{status}: {line}");
                let begin = format!("{binary}: {variable}: ");
                ensure!(line.starts_with(&begin) && line.contains(&mend), "{line}");
                ensure!(!line.contains("geheim"), "{line}");
            }
        }
    }
    Ok(())
}
