//! A shell that types slower than a person reads.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::page::Step;

/// Printed after each answer.
const END: &str = "--- end of the answer ---";

/// A reader takes a moment between two commands, and before the one that has to
/// come after another: here, until what was ordered is settled, and until the
/// gateway has the socket that a command in the background opens.
/// `grep` gets an answer that has come whole: it leaves at the first match, and curl
/// would complain into the tour that nobody takes the rest.
const READER: &str = r#"
settled() {
  for _ in $(seq 600); do
    orders=$(command curl -sS -H 'X-User-Id: 1' "$api/orders")
    grep -q '"status":"NEW"' <<<"$orders" || return 0
    command sleep 0.1
  done
  echo 'orders stay NEW'
}
sleep() {
  for _ in $(seq 600); do
    metrics=$(command curl -sS "$api/metrics")
    grep -q '^gozon_gateway_websockets{[^}]*} 1$' <<<"$metrics" && return 0
    command sleep 0.1
  done
  echo 'no WebSocket was opened'
}
"#;

/// The answer to each step, in one shell, in the page's order.
pub(crate) async fn type_in(setup: &str, steps: &[Step], api: &str) -> Result<Vec<String>> {
    let mut script = format!("exec 2>&1\n{setup}\napi={api}\n{READER}\n");
    for step in steps {
        // Its five seconds suit a reader, and not a busy machine.
        let command = step.command.replace("--max-time 5 ", "--max-time 20 ");
        // What goes on in the background is awaited by a later command.
        let settled = match command.ends_with('&') || command.starts_with("sleep") {
            true => "",
            false => "settled\n",
        };
        script += &format!("{settled}{command}\necho; echo '{END}'\n");
    }
    let shell = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();

    let output = timeout(Duration::from_secs(240), shell);
    let output = output.await.context("the tour hangs")??;

    let text = String::from_utf8(output.stdout).context("no text")?;
    let mut answers: Vec<_> = text.split(END).map(str::to_owned).collect();
    let rest = answers.pop().unwrap_or_default();
    ensure!(
        rest.trim().is_empty() && answers.len() == steps.len(),
        "the tour ended early: {text}"
    );
    Ok(answers)
}
