//! Kubernetes' own schemas accept every object, and refuse a mistyped one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use xtask::tools;

use crate::files::{names, path, text};

/// `kubernetes-validate` in a virtual environment below the target folder.
fn validate(files: &[PathBuf]) -> Result<Output> {
    let own = std::env::current_exe()?;
    // target/debug/deps/deployment-…
    let target = own.ancestors().nth(3).context("no target folder")?;
    let validator = tools::kubernetes_validate(target)?;
    let mut command = Command::new(validator);
    command.args(["--strict", "--quiet"]).args(files);
    command.output().context("kubernetes-validate")
}

fn objects() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["base", "demonstration"] {
        let folder = path("deploy/kubernetes").join(folder);
        for name in names(&folder)? {
            // kustomize's own file is no object of a cluster.
            if name != "kustomization.yaml" {
                files.push(folder.join(name));
            }
        }
    }
    Ok(files)
}

#[test]
fn the_schemas_of_kubernetes_know_every_field() -> Result<()> {
    let output = validate(&objects()?)?;

    ensure!(output.status.success(), "{output:?}");

    let folder = tempfile::tempdir()?;
    let mistyped = write(
        folder.path(),
        &text("deploy/kubernetes/base/orders.yaml")?.replace(
            "terminationGracePeriodSeconds: 40",
            "terminationGracePeriod: 40",
        ),
    )?;
    let output = validate(&[mistyped])?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "a field that is none is accepted");
    ensure!(said.contains("terminationGracePeriod"), "{said}");
    Ok(())
}

fn write(folder: &Path, text: &str) -> Result<PathBuf> {
    let file = folder.join("mistyped.yaml");
    fs::write(&file, text)?;
    Ok(file)
}
