//! The example runs to its end: its transport passes the whole suite.

use std::process::Command;

#[test]
fn the_transport_keeps_every_rule() {
    let run = Command::new(env!("CARGO_BIN_EXE_gozon-example-transport"))
        .output()
        .unwrap();

    assert!(run.status.success(), "{run:?}");
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(said.starts_with("the shelf keeps all "), "{said}");
}
