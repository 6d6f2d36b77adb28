//! The example runs to its end, and says what it should.

use std::process::Command;

#[test]
fn the_statement_shows_what_moved() {
    let run = Command::new(env!("CARGO_BIN_EXE_gozon-example-ledger"))
        .output()
        .unwrap();

    assert!(run.status.success(), "{run:?}");
    assert_eq!(
        String::from_utf8(run.stdout).unwrap(),
        "     500     5010  refund\n   -3000     4510  order\n   -2490     7510  gift\n   10000    10000  topup\n50 tickets sold, 10 refused\n"
    );
}
