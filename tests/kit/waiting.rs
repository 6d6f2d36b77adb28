//! Waiting.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::eventually;

#[tokio::test]
async fn waiting_ends_with_the_first_answer() -> Result<()> {
    let asked = AtomicU32::new(0);

    let answer = eventually(Duration::from_secs(5), "three", async || {
        let asked = asked.fetch_add(1, Ordering::Relaxed) + 1;
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

#[tokio::test]
async fn a_spawned_task_can_wait_too() -> Result<()> {
    let text = String::from("seen");

    let waiting = tokio::spawn(async move {
        eventually(Duration::from_secs(5), "it", async || Ok(text.len())).await
    });

    assert_eq!(waiting.await??, 4);
    Ok(())
}
