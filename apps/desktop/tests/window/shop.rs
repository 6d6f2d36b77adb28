use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::Process;

/// The real shop, embedded: one process, SQLite, free ports.
pub(crate) struct Shop {
    process: Process,
    address: String,
}

impl Shop {
    /// Starts on the data in `folder`; the API listens on `address`.
    pub(crate) fn start(folder: &Path, address: &str) -> Self {
        let any = "127.0.0.1:0";
        let mut command = Command::new(binary());
        command
            .env("GOZON_BIND", address)
            .env("GOZON_PAGE_BIND", any)
            .env("GOZON_ORDERS_BIND", any)
            .env("GOZON_PAYMENTS_BIND", any)
            .env("GOZON_DATA_DIR", folder.join("data"));
        let mut process = Process::spawn("the shop", folder, &mut command);
        let url = process.wait_for_line(|line| line.strip_prefix("API "));
        let address = url.trim_start_matches("http://").to_owned();
        Self { process, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it; where it was.
    pub(crate) fn stop(self) -> String {
        self.process.interrupt();
        self.address
    }

    pub(crate) fn balance(&self, user: &str) -> i64 {
        self.get("/accounts/balance", user)["balance"]
            .as_i64()
            .unwrap()
    }

    /// Of all orders, newest first.
    pub(crate) fn statuses(&self, user: &str) -> Vec<String> {
        let orders = self.get("/orders", user);
        let orders = orders.as_array().unwrap().iter();
        orders
            .map(|order| order["status"].as_str().unwrap().to_owned())
            .collect()
    }

    fn get(&self, path: &str, user: &str) -> Value {
        let request = ureq::get(self.url() + path).header("x-user-id", user);
        let body = request.call().unwrap().body_mut().read_to_vec().unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/gozon");
    let path = std::env::var_os("GOZON_BIN").map_or(built, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no {}: run `cargo build -p gozon-shop` in the repository's root, or name \
         the binary in GOZON_BIN",
        path.display()
    );
    path
}
