//! The image is rebuilt from what decides about it alone.

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
    for line in dockerfile.lines() {
        if let Some(image) = line
            .strip_prefix("ARG ")
            .and_then(|arg| arg.split_once('='))
        {
            let (_, version) = image.1.split_once(':').unwrap_or_default();
            ensure!(!version.is_empty() && version != "latest", "{line}");
        }
        if let Some(from) = line.strip_prefix("FROM ") {
            ensure!(!from.contains(':'), "{line}: name the image in an ARG");
        }
    }
    Ok(())
}
