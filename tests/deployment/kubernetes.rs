//! `deploy/kubernetes` keeps to its rules, and the rules notice when it does not.

mod broken;
mod pods;
mod updates;
mod wiring;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::files::{documents, names, path};

const BASE: &str = "deploy/kubernetes/base";
const DEMONSTRATION: &str = "deploy/kubernetes/demonstration";

/// What `kustomize build` would put together, without the changes of names.
fn objects() -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for folder in [BASE, DEMONSTRATION] {
        for name in names(&path(folder))? {
            if name != "kustomization.yaml" {
                objects.extend(documents(&format!("{folder}/{name}"))?);
            }
        }
    }
    Ok(objects)
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    let mut same = objects.iter().filter(|object| object["kind"] == kind);
    same.find(|object| object["metadata"]["name"] == name)
}

/// Everything that is wrong.
fn findings(objects: &[Value]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for object in objects {
        let kind = object["kind"].as_str().context("no kind")?;
        if kind == "Deployment" || kind == "StatefulSet" {
            pods::check(objects, object, &mut found);
        }
        if kind == "Deployment" {
            updates::check(objects, object, &mut found);
        }
    }
    wiring::check(objects, &mut found);
    Ok(found)
}

#[test]
fn every_object_keeps_to_the_rules() -> Result<()> {
    let found = findings(&objects()?)?;

    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[test]
fn every_file_is_part_of_what_kustomize_builds() -> Result<()> {
    for folder in [BASE, DEMONSTRATION] {
        let kustomization = documents(&format!("{folder}/kustomization.yaml"))?;
        let listed = kustomization[0]["resources"].as_array().context("none")?;
        let mut listed: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
        listed.retain(|name| *name != "../base");
        listed.push("kustomization.yaml");
        listed.sort_unstable();
        ensure!(names(&path(folder))? == listed, "{folder}: {listed:?}");
    }
    Ok(())
}
