//! A server in a container.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, CopyTargetOptions, GenericImage, ImageExt};

use super::{Server, wait_until_up};

/// What to run.
pub(super) struct Recipe {
    pub(super) image: String,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) arguments: &'static [&'static str],
    /// Files inside, by their paths.
    pub(super) files: Vec<(String, String)>,
    /// Ports outside and inside; the first is where the server answers. Fixed
    /// ones: Docker would choose new ones at every start.
    pub(super) ports: Vec<(u16, u16)>,
    pub(super) answers: fn(u16) -> bool,
}

/// A container, removed with its volumes when dropped, and also on Ctrl-C
/// (testcontainers' watchdog).
#[derive(Debug)]
pub(super) struct Container {
    container: ContainerAsync<GenericImage>,
    image: Arc<str>,
    port: u16,
    answers: fn(u16) -> bool,
}

impl Container {
    pub(super) async fn run(recipe: Recipe) -> Result<Self> {
        let (name, tag) = name_and_tag(&recipe.image);
        let mut request: ContainerRequest<GenericImage> = GenericImage::new(name, tag)
            .with_cmd(recipe.arguments.iter().copied())
            .with_label("gozon.test", "own");
        for (name, value) in recipe.environment {
            request = request.with_env_var(name, value);
        }
        for (path, text) in recipe.files {
            // The server runs as a user of its own.
            let target = CopyTargetOptions::new(path).with_mode(0o644);
            request = request.with_copy_to(target, text.into_bytes());
        }
        for (outside, inside) in &recipe.ports {
            request = request.with_mapped_port(*outside, inside.tcp());
        }
        let (port, _) = *recipe.ports.first().context("a server needs a port")?;
        let container = Self {
            container: request.start().await?,
            image: recipe.image.into(),
            port,
            answers: recipe.answers,
        };
        container.wait().await?;
        Ok(container)
    }

    async fn wait(&self) -> Result<()> {
        wait_until_up(self.image.clone(), self.port, self.answers).await
    }
}

#[async_trait]
impl Server for Container {
    async fn start(&self) -> Result<()> {
        self.container.start().await?;
        self.wait().await
    }

    async fn stop(&self) -> Result<()> {
        Ok(self.container.stop_with_timeout(Some(30)).await?)
    }

    async fn kill(&self) -> Result<()> {
        // testcontainers can only stop, which sends the stop signal first.
        docker(&["kill", "--signal", "KILL", self.container.id()])
            .await
            .map(drop)
    }

    async fn control(&self, arguments: &[&str]) -> Result<String> {
        let control = ["exec", self.container.id(), "rabbitmqctl"];
        docker(&[&control, arguments].concat()).await
    }
}

async fn docker(arguments: &[&str]) -> Result<String> {
    let ended = tokio::process::Command::new("docker")
        .args(arguments)
        .output()
        .await
        .context("docker cannot be run")?;
    let answer = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "docker: {}", answer.trim());
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        // A colon before a slash belongs to the port of a registry.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_registry_is_not_a_tag() {
        assert_eq!(name_and_tag("postgres:17"), ("postgres", "17"));
        assert_eq!(name_and_tag("h:1/postgres"), ("h:1/postgres", "latest"));
        assert_eq!(name_and_tag("h:1/postgres:17"), ("h:1/postgres", "17"));
    }
}
