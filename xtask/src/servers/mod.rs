//! Where servers come from, and how to know that they are up.

pub mod docker;
pub mod local;
pub mod ports;
pub mod probe;

use std::fmt;

/// Server arguments that suit a database of minutes: nothing survives the
/// machine, everything survives a killed process, and many tests connect at
/// once.
pub const POSTGRES_ARGUMENTS: [&str; 6] = [
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "max_connections=500",
];

/// What starts a server that nobody has started yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Containers, through the `docker` command.
    Docker,
    /// Private processes of the servers that are installed on this machine.
    Local,
}

impl Provider {
    /// Tells tests which provider the run uses: `docker` or `local`.
    pub const VARIABLE: &str = "GOZON_TEST_SERVERS";

    /// The provider that the run was given, else the first that this machine
    /// has, else none.
    ///
    /// # Errors
    /// When the variable holds anything but `docker` or `local`.
    pub fn detect() -> anyhow::Result<Option<Self>> {
        match std::env::var(Self::VARIABLE) {
            Ok(text) if text == "docker" => Ok(Some(Self::Docker)),
            Ok(text) if text == "local" => Ok(Some(Self::Local)),
            Ok(text) => anyhow::bail!("{}=`{text}`: write `docker` or `local`", Self::VARIABLE),
            Err(_) if docker::available() => Ok(Some(Self::Docker)),
            Err(_) if local::available() => Ok(Some(Self::Local)),
            Err(_) => Ok(None),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Local => "local",
        })
    }
}
