//! Everything at once, by dice.

use std::time::Duration;

use gozon_core::Outcome;

use super::{Actor, Answer, Stage, Weather, pass, spoken};
use crate::OutboxConfig;
use crate::conformance::dice::Dice;
use crate::conformance::message;

/// Steps of one storm.
const STEPS: usize = 80;
/// Relays at work at most.
const CREW: usize = 4;

/// Relays start, die, pause, lose their database and stop, while messages are
/// committed and the broker answers anything: everything arrives, and each key
/// in the order of its commits.
pub async fn whatever_happens_everything_arrives_in_order(stage: &Stage) {
    for seed in 0..8 {
        storm(stage, seed).await;
    }
}

/// One storm. The seed decides what is done; what runs first among tasks that
/// could run at once, it does not decide.
///
/// # Panics
/// With the seed, when something was lost, or when a relay did what none may do.
pub async fn storm(stage: &Stage, seed: u64) {
    let mut dice = Dice(seed);
    let mut answers = Dice(!seed);
    stage.broker().script(move |_| match answers.roll(100) {
        0..8 => Answer::nacked(),
        8..16 => Answer::unknown(),
        16..20 => Answer::returned(),
        20..32 => Answer::Later(Outcome::Confirmed),
        32..34 => Answer::Never,
        _ => Answer::CONFIRMED,
    });
    let mut crew = vec![stage.start_with(config())];
    let mut late = Vec::new();
    for step in 0..STEPS {
        act(stage, &mut dice, &mut crew, &mut late, seed, step).await;
        stage.broker().answer();
        let time = match dice.roll(20) {
            0 => 500 + dice.roll(3_000),
            1..6 => 50 + dice.roll(400),
            _ => dice.roll(30),
        };
        pass(Duration::from_millis(time)).await;
    }
    calm(stage, crew, late, seed).await;
}

async fn act(
    stage: &Stage,
    dice: &mut Dice,
    crew: &mut Vec<Actor>,
    late: &mut Vec<(i64, String)>,
    seed: u64,
    step: usize,
) {
    let one = dice.index(crew.len());
    match dice.roll(100) {
        0..50 => {
            for place in 0..=dice.roll(8) {
                let key = dice.roll(10);
                stage.say(&[&format!("s{seed}k{key}:{step:02}.{place}")]);
            }
        }
        50..56 => stage.say(&[&format!(":{seed}.{step}")]),
        56..60 => {
            let key = format!("s{seed}k{}", dice.roll(10));
            let delay = Duration::from_millis(dice.roll(3_000));
            let text = format!("{key}:{step:02} delayed");
            stage.append(&message(Some(&key), &text).with_delay(delay));
        }
        60..64 => late.push((stage.draw(), format!("s{seed}late{step}:1"))),
        64..68 => {
            if let Some((seq, said)) = late.pop() {
                stage.commit(seq, &spoken(&said));
            }
        }
        68..76 if crew.len() < CREW => crew.push(stage.start_with(config())),
        76..80 => crew.swap_remove(one).kill().await,
        80..83 => crew.swap_remove(one).shut_down(),
        83..88 => crew[one].freeze(),
        88..92 => crew[one].thaw(),
        92..94 => crew[one].database(Weather::Silent),
        94..96 => crew[one].database(Weather::Refused),
        _ => crew[one].database(Weather::Fair),
    }
    if crew.is_empty() {
        crew.push(stage.start_with(config()));
    }
}

/// Everybody is well again, and what was said arrives.
async fn calm(stage: &Stage, crew: Vec<Actor>, late: Vec<(i64, String)>, seed: u64) {
    for (seq, said) in late {
        stage.commit(seq, &spoken(&said));
    }
    stage.broker().script(|_| Answer::CONFIRMED);
    for actor in &crew {
        actor.database(Weather::Fair);
        actor.thaw();
    }
    let arrived = async {
        while !stage.is_empty() {
            stage.broker().answer();
            pass(Duration::from_millis(100)).await;
        }
    };
    let arrived = tokio::time::timeout(Duration::from_secs(300), arrived).await;
    let left = crate::conformance::texts(&stage.rows());
    assert!(arrived.is_ok(), "seed {seed}: never published: {left:?}");
    let violations = stage.violations();
    assert!(violations.is_empty(), "seed {seed}: {}", violations[0]);
    for actor in crew {
        actor.stop().await;
    }
}

/// Short terms, so that much changes hands.
fn config() -> OutboxConfig {
    OutboxConfig {
        term: Duration::from_secs(1),
        publish_timeout: Duration::from_secs(4),
        retry_max: Duration::from_secs(1),
        returned_min: Duration::from_millis(200),
        returned_max: Duration::from_secs(1),
        drain_timeout: Duration::from_secs(2),
        ..OutboxConfig::default()
    }
}
