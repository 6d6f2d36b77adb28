//! Waiting.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::eventually;

#[tokio::test]
async fn waiting_ends_with_the_first_answer() -> Result<()> {
    let mut asked = 0;

    let answer = eventually(Duration::from_secs(5), "three", async || {
        asked += 1;
        ensure!(asked == 3, "only {asked}");
        Ok(asked)
    })
    .await?;

    assert_eq!(answer, 3);
    Ok(())
}

#[tokio::test]
async fn waiting_in_vain_says_for_what_and_why() {
    let never = async || -> Result<()> { anyhow::bail!("9 of 10 are paid") };

    let error = eventually(Duration::from_millis(30), "all are paid", never)
        .await
        .unwrap_err();

    let message = format!("{error:#}");
    assert!(message.contains("all are paid"), "{message}");
    assert!(message.contains("9 of 10 are paid"), "{message}");
}

#[tokio::test]
async fn waiting_for_a_probe_that_hangs_ends_too() {
    let hangs = async || -> Result<()> { std::future::pending().await };

    let error = eventually(Duration::from_millis(30), "an answer", hangs)
        .await
        .unwrap_err();

    assert!(format!("{error:#}").contains("an answer"));
}
