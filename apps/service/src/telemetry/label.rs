//! Which service the running code belongs to.

use std::cell::Cell;
use std::future::Future;
use std::sync::OnceLock;

static PROCESS: OnceLock<&'static str> = OnceLock::new();

thread_local! {
    static THREAD: Cell<Option<&'static str>> = const { Cell::new(None) };
}

tokio::task_local! {
    static TASK: &'static str;
}

/// Runs `work` as part of `service`. Tasks that it spawns do not inherit it.
pub async fn scope<F: Future>(service: &'static str, work: F) -> F::Output {
    TASK.scope(service, work).await
}

/// Makes everything on this thread part of `service`, unless a scope says
/// otherwise. For `tokio::runtime::Builder::on_thread_start`.
pub fn on_thread(service: &'static str) {
    THREAD.set(Some(service));
}

pub(super) fn set_process(service: &'static str) {
    PROCESS.get_or_init(|| service);
}

pub(super) fn current() -> Option<&'static str> {
    TASK.try_with(|service| *service)
        .ok()
        .or_else(|| THREAD.get())
        .or_else(|| PROCESS.get().copied())
}
