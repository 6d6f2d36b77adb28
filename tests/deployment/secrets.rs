//! The secrets of Compose: those of the demonstration, and a folder of one's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::files::{documents, names, path};

const DEMONSTRATION: &str = "deploy/compose/demonstration";

/// That passwords and the URLs with them fit together, so that the shop starts.
fn fit_together(folder: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).context(name.to_owned());
    for service in ["orders", "payments"] {
        let password = read(&format!("{service}-db-password"))?;
        let url = read(&format!("{service}-database-url"))?;
        let password = password.trim_end();
        ensure!(
            url == format!("postgres://{service}:{password}@{service}-db:5432/{service}\n"),
            "{service}"
        );
    }
    let broker = read("rabbitmq.conf")?;
    let setting = |name: &str| {
        let line = broker.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(" = "))
            .with_context(|| name.to_owned())
    };
    let (user, password) = (setting("default_user")?, setting("default_pass")?);
    let url = read("amqp-url")?;
    ensure!(
        url == format!("amqp://{user}:{password}@rabbitmq:5672/%2f\n"),
        "broker"
    );
    Ok(())
}

#[test]
fn compose_finds_every_secret_of_the_demonstration() -> Result<()> {
    let compose = documents("compose.yaml")?;
    let secrets = compose[0]["secrets"].as_object().context("no secrets")?;
    for (name, secret) in secrets {
        let file = secret["file"].as_str().unwrap_or_default();
        ensure!(
            file == format!("${{GOZON_SECRETS:-./{DEMONSTRATION}}}/{name}"),
            "{name}: {file}"
        );
    }
    let known: Vec<&String> = secrets.keys().collect();
    let there = names(&path(DEMONSTRATION))?;
    ensure!(
        there.iter().collect::<Vec<_>>() == known,
        "{there:?}, {known:?}"
    );
    fit_together(&path(DEMONSTRATION))
}

#[test]
fn a_folder_of_ones_own_has_the_same_files_and_passwords_that_nobody_knows() -> Result<()> {
    let parent = tempfile::tempdir()?;
    let make = |name: &str| {
        let folder = parent.path().join(name);
        let made = Command::new(path("deploy/compose/new-secrets.sh"))
            .arg(&folder)
            .output();
        made.map(|made| (folder, made))
    };
    let (one, made) = make("one")?;
    ensure!(made.status.success(), "{made:?}");
    let (other, made) = make("other")?;
    ensure!(made.status.success(), "{made:?}");

    ensure!(names(&one)? == names(&path(DEMONSTRATION))?);
    fit_together(&one)?;
    for name in names(&one)? {
        let (one, other) = (one.join(&name), other.join(&name));
        ensure!(
            fs::read(&one)? != fs::read(&other)?,
            "{name}: always the same"
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&one)?.permissions());
        ensure!(
            mode & 0o777 == 0o444,
            "{name}: a container's user must read it"
        );
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&one)?.permissions());
    ensure!(mode & 0o777 == 0o700, "others of this machine could enter");

    // A database keeps the password that it was made with.
    let kept = fs::read(one.join("amqp-url"))?;
    let (one, again) = make("one")?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    ensure!(fs::read(one.join("amqp-url"))? == kept);
    Ok(())
}
