//! `compose.yaml` keeps to its rules, and the rules notice when it does not.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::files::{documents, set, text};

fn compose() -> Result<Value> {
    let mut documents = documents("compose.yaml")?;
    ensure!(documents.len() == 1);
    documents.pop().context("empty")
}

/// What a `${NAME:-default}` is when nobody sets it.
fn defaulted(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        let (inside, after) = variable.split_once('}').unwrap_or((variable, ""));
        result.push_str(before);
        result.push_str(inside.split_once(":-").map_or("", |(_, default)| default));
        rest = after;
    }
    result + rest
}

/// Everything that is wrong.
fn findings(compose: &Value) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let dockerfile = text("Dockerfile")?;
    let services = compose["services"].as_object().context("no services")?;
    for (name, service) in services {
        let mut must = |what: &str, holds: bool| {
            if !holds {
                found.push(format!("{name}: {what}"));
            }
        };
        must("file system is read-only", service["read_only"] == true);
        must("no capabilities", service["cap_drop"] == json!(["ALL"]));
        must(
            "no new privileges",
            service["security_opt"] == json!(["no-new-privileges:true"]),
        );
        must("memory is limited", service["mem_limit"].is_string());
        must("processes are limited", service["pids_limit"].is_number());
        must("is started again", service["restart"] == "unless-stopped");
        must("has time to stop", service["stop_grace_period"].is_string());
        must(
            "logs are rotated",
            service["logging"]["options"]["max-size"].is_string()
                && service["logging"]["options"]["max-file"].is_string(),
        );
        must(
            "has a health check",
            service["healthcheck"]["test"][0] == "CMD"
                && service["healthcheck"]["timeout"].is_string(),
        );
        match service["build"]["target"].as_str() {
            Some(target) => must(
                "image runs as a user",
                runs_as_user(&dockerfile, target) && service["user"].is_null(),
            ),
            None => {
                let image = defaulted(service["image"].as_str().unwrap_or_default());
                let version = image.split_once(':').map_or("", |(_, version)| version);
                must(
                    "image has a version",
                    version.starts_with(|first: char| first.is_ascii_digit()),
                );
                let user = service["user"].as_str().unwrap_or("root");
                must("runs as a user", user != "root" && user != "0");
            }
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = defaulted(port.as_str().unwrap_or_default());
            must(
                &format!("publishes {port}"),
                port.starts_with("127.0.0.1:")
                    && (name == "gateway" || (name == "rabbitmq" && port.ends_with(":15672"))),
            );
        }
        let environment = service["environment"].as_object();
        for (variable, value) in environment.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let secret = variable.contains("PASSWORD") || value.contains('@');
            must(
                &format!("{variable} stands in the environment"),
                !secret || variable.ends_with("_FILE"),
            );
        }
        for used in service["secrets"].as_array().into_iter().flatten() {
            let used = used["source"]
                .as_str()
                .or(used.as_str())
                .unwrap_or_default();
            must(
                &format!("secret {used} is a file"),
                compose["secrets"][used]["file"].is_string(),
            );
        }
    }
    Ok(found)
}

/// Whether the stage, or one that it is built from, changes to a user.
fn runs_as_user(dockerfile: &str, target: &str) -> bool {
    let mut stages = dockerfile.split("\nFROM ").skip(1);
    let stage = stages.find(|stage| {
        let first = stage.lines().next().unwrap_or_default();
        first.ends_with(&format!(" AS {target}"))
    });
    let Some(stage) = stage else { return false };
    let user = stage
        .lines()
        .filter_map(|line| line.strip_prefix("USER "))
        .next_back();
    match user {
        Some(user) => user != "root" && user != "0",
        None => {
            let from = stage.split(' ').next().unwrap_or_default();
            from != target && runs_as_user(dockerfile, from)
        }
    }
}

#[test]
fn every_service_keeps_to_the_rules() -> Result<()> {
    let found = findings(&compose()?)?;

    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[test]
fn every_rule_notices_what_breaks_it() -> Result<()> {
    let good = compose()?;
    for (service, path, value, expected) in [
        ("orders", "/read_only", json!(false), "read-only"),
        ("orders-db", "/read_only", Value::Null, "read-only"),
        ("rabbitmq", "/cap_drop", json!(["NET_RAW"]), "capabilities"),
        ("gateway", "/security_opt", Value::Null, "privileges"),
        ("payments-db", "/mem_limit", Value::Null, "memory"),
        ("payments", "/pids_limit", Value::Null, "processes"),
        ("payments", "/restart", json!("no"), "started again"),
        (
            "rabbitmq",
            "/stop_grace_period",
            Value::Null,
            "time to stop",
        ),
        (
            "gateway",
            "/logging/options/max-size",
            Value::Null,
            "rotated",
        ),
        ("rabbitmq", "/healthcheck/test", Value::Null, "health"),
        ("gateway", "/build/target", json!("build"), "as a user"),
        ("orders-db", "/user", Value::Null, "as a user"),
        ("orders-db", "/user", json!("root"), "as a user"),
        ("orders-db", "/image", json!("postgres"), "version"),
        ("rabbitmq", "/image", json!("rabbitmq:latest"), "version"),
        (
            "orders-db",
            "/ports",
            json!(["127.0.0.1:5432:5432"]),
            "publishes",
        ),
        (
            "rabbitmq",
            "/ports",
            json!(["127.0.0.1:5672:5672"]),
            "publishes",
        ),
        ("gateway", "/ports", json!(["8000:8000"]), "publishes"),
        (
            "orders-db",
            "/environment",
            json!({"POSTGRES_PASSWORD": "orders"}),
            "stands in the environment",
        ),
        (
            "orders",
            "/environment",
            json!({"DATABASE_URL": "postgres://a:b@c/d"}),
            "stands in the environment",
        ),
        ("orders", "/secrets", json!(["unknown"]), "is a file"),
    ] {
        let mut broken = good.clone();
        set(&mut broken["services"][service], path, value);

        let found = findings(&broken)?;

        ensure!(
            found.len() == 1 && found[0].starts_with(service) && found[0].contains(expected),
            "{service}{path}: {found:#?}"
        );
    }
    Ok(())
}
