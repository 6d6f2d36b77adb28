use std::time::Duration;

use async_trait::async_trait;
use gozon_core::conformance::transport::{Candidate, Harness, HarnessError};
use gozon_core::{InProcess, InProcessConfig};

pub(crate) struct InProcessHarness;

#[async_trait]
impl Harness for InProcessHarness {
    async fn candidate(&self) -> Result<Candidate, HarnessError> {
        let transport = InProcess::with_config(InProcessConfig {
            // Two rules wait for it to end.
            publish_timeout: Duration::from_secs(2),
            ..InProcessConfig::default()
        })?;
        let closing = transport.clone();
        Ok(Candidate::of(transport, move || {
            let closing = closing.clone();
            Box::pin(async move { closing.close() })
        }))
    }
}
