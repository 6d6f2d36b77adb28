//! One Prometheus recorder that knows which service is speaking.

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::label;

/// From a millisecond to half a minute.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

pub(super) fn install() -> PrometheusHandle {
    let recorder = build();
    let handle = recorder.0.handle();
    // Another recorder may be there when someone embeds the shop. Theirs wins,
    // and `/metrics` stays empty.
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another metrics recorder is installed; /metrics stays empty");
    }
    handle
}

fn build() -> Labelled {
    let suffix = Matcher::Suffix("_seconds".to_owned());
    // Fails only for an empty list.
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(suffix, &SECONDS)
        .unwrap_or_else(|_| PrometheusBuilder::new());
    Labelled(builder.build_recorder())
}

struct Labelled(PrometheusRecorder);

impl Labelled {
    fn key(key: &Key) -> Key {
        let is_set = key.labels().any(|label| label.key() == "service");
        match label::current() {
            Some(service) if !is_set => {
                key.with_extra_labels(vec![Label::from_static_parts("service", service)])
            }
            _ => key.clone(),
        }
    }
}

impl Recorder for Labelled {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(&Self::key(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(&Self::key(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(&Self::key(key), metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_metric_is_labelled_with_the_service_that_speaks() {
        let recorder = build();
        let count =
            || metrics::with_local_recorder(&recorder, || metrics::counter!("probe").increment(1));

        label::scope("orders", async { count() }).await;
        std::thread::scope(|threads| {
            threads.spawn(|| {
                label::on_thread("payments");
                count();
            });
        });

        let text = recorder.0.handle().render();
        assert!(text.contains("probe{service=\"orders\"} 1"), "{text}");
        assert!(text.contains("probe{service=\"payments\"} 1"), "{text}");
    }
}
