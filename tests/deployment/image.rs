//! The image is rebuilt from what decides about it alone.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};

use crate::files::text;

#[test]
fn the_layer_of_dependencies_sees_no_source() -> Result<()> {
    let dockerfile = text("Dockerfile")?;
    let (_, build) = dockerfile.split_once(" AS build\n").unwrap_or_default();
    let place = |line: &str| build.find(line).unwrap_or(usize::MAX);

    let stubs = place("COPY --from=manifests /src .");
    let dependencies = place("RUN sh deploy/image/build.sh dependencies");
    let sources = place("\nCOPY . .");

    ensure!(stubs < dependencies && dependencies < sources && sources < usize::MAX);
    Ok(())
}

#[test]
fn every_base_has_a_version() -> Result<()> {
    let dockerfile = text("Dockerfile")?;
    let arguments: HashMap<&str, &str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ARG ")?.split_once('='))
        .collect();
    let mut stages = HashSet::new();
    for from in dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
    {
        let (base, stage) = from.split_once(" AS ").unwrap_or((from, ""));
        let argument = base
            .strip_prefix("${")
            .and_then(|name| name.strip_suffix('}'));
        if let Some(argument) = argument {
            let image = arguments.get(argument).copied().unwrap_or_default();
            let (_, version) = image.split_once(':').unwrap_or_default();
            ensure!(
                !version.is_empty() && version != "latest",
                "{from}: {image}"
            );
        } else {
            ensure!(stages.contains(base), "{from}: name the image in an ARG");
        }
        stages.insert(stage);
    }
    ensure!(stages.len() > 1, "no stage was found");
    Ok(())
}
