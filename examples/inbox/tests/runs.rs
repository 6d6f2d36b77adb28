//! The example runs to its end, and says what it should.

use std::process::Command;

#[test]
fn three_deliveries_weigh_once() {
    let run = Command::new(env!("CARGO_BIN_EXE_gozon-example-inbox"))
        .output()
        .unwrap();

    assert!(run.status.success(), "{run:?}");
    assert_eq!(
        String::from_utf8(run.stdout).unwrap(),
        "delivered three times, weighed once: 700 g\n"
    );
}
