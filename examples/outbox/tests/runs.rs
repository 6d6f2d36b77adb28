//! The example runs: what is posted is published, and it ends when it is told.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

#[test]
fn a_parcel_that_is_posted_is_stored_and_published() {
    let folder = std::env::temp_dir().join(format!("gozon-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let database = folder.join("parcels.db");
    let mut service = Service::start(&format!("sqlite:{}?mode=rwc", database.display()));
    let address = service.line();
    let address = address.strip_prefix("listening on ").unwrap();

    let answer = post(address, r#"{"address": "Main Street 1"}"#);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let published = r#"published parcel_sent: {"address":"Main Street 1"}"#;
    assert_eq!(service.line(), published);

    service.interrupt();
    assert_eq!(service.line(), "drained");
    assert!(service.child.wait().unwrap().success());
    std::fs::remove_dir_all(&folder).unwrap();
}

struct Service {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Service {
    fn start(database: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gozon-example-outbox"))
            .envs([("DATABASE_URL", database), ("BIND", "127.0.0.1:0")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, output }
    }

    fn line(&mut self) -> String {
        self.output.next().unwrap().unwrap()
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "POST /parcels HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}
