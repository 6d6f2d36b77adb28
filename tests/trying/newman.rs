//! The Postman collection, run by newman.

use std::fs;

use anyhow::{Context, Result, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{BOUND, repository, target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postman_collection_tells_the_truth() -> Result<()> {
    let newman = tokio::task::spawn_blocking(|| xtask::tools::newman(&target()?)).await??;
    let shop = Shop::start(Mode::Embedded).await?;
    let gateway = shop.address(gozon_tests::shop::Service::Gateway, 0);
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");

    let mut run = Command::new("node");
    run.arg(newman)
        .arg("run")
        .arg(repository("postman/gozon.postman_collection.json"))
        .arg("--environment")
        .arg(repository("postman/local.postman_environment.json"))
        .args(["--env-var", &format!("baseUrl=http://{gateway}")])
        .args(["--color", "off", "--reporters", "cli,json"])
        .arg("--reporter-json-export")
        .arg(&report)
        .kill_on_drop(true);
    let output = timeout(4 * BOUND, run.output())
        .await
        .context("newman does not end")??;

    let shown = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}\n{shown}", output.status);
    let report: Value = serde_json::from_slice(&fs::read(report)?)?;
    let executions = report["run"]["executions"].as_array();
    let executions = executions.context("nothing was executed")?;
    for execution in executions {
        let asserted = execution["assertions"].as_array().map_or(0, Vec::len);
        let name = &execution["item"]["name"];
        ensure!(asserted > 0, "{name} asserts nothing\n{shown}");
    }
    let collection = fs::read(repository("postman/gozon.postman_collection.json"))?;
    for name in requests(&serde_json::from_slice(&collection)?) {
        let ran = executions.iter().any(|one| one["item"]["name"] == name);
        ensure!(ran, "{name} was not executed\n{shown}");
    }
    Ok(())
}

/// The names of all requests, whatever folders they lie in.
fn requests(item: &Value) -> Vec<String> {
    if item["request"].is_object() {
        return item["name"]
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    let items = item["item"].as_array().into_iter().flatten();
    items.flat_map(requests).collect()
}
