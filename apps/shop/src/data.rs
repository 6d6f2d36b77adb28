//! The data folder: ours alone while we run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use gozon_service::settings::SettingsError;
use gozon_sqlx::{Db, Sqlite, sqlite};

const VARIABLE: &str = "GOZON_DATA_DIR";

/// A locked folder. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if missing and locks it: two processes on one outbox
    /// would each believe to be the only relay.
    pub(crate) fn lock(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display();
        let refuse = |reason: String| SettingsError::new(VARIABLE, reason);
        let unusable = |error: std::io::Error| {
            refuse(format!(
                "cannot use {shown}: {error}; choose a folder that can be written"
            ))
        };
        fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(refuse(format!(
                "{shown} is in use by another gozon; stop it or choose another folder"
            ))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Opens the database of a service.
    pub(crate) async fn open(&self, service: &str) -> Result<Db<Sqlite>, SettingsError> {
        let file = self.path.join(format!("{service}.db"));
        let opened = sqlite::open(&file, &sqlite::PoolSettings::default()).await;
        opened.map_err(|error| {
            let reason = format!(
                "cannot open {}: {error}; mend the file or choose another folder",
                file.display()
            );
            SettingsError::new(VARIABLE, reason)
        })
    }
}
