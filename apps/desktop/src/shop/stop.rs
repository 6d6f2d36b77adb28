use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ends a thread that reads from a socket or waits between attempts.
#[derive(Debug, Default)]
pub(super) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    hurried: bool,
    /// What the thread reads from.
    stream: Option<TcpStream>,
}

/// The thread is to end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped;

impl Stop {
    /// Ends whatever the thread waits for.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        if let Some(stream) = state.stream.take() {
            // Closed already: then nobody reads from it.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    /// Ends the pause between attempts, now or the next one.
    pub(super) fn hurry(&self) {
        self.lock().hurried = true;
        self.changed.notify_all();
    }

    /// From now on the thread reads from this.
    pub(super) fn reads_from(&self, stream: TcpStream) -> Result<(), Stopped> {
        let mut state = self.lock();
        if state.stopped {
            return Err(Stopped);
        }
        // Connected: a wish to hurry has come true.
        state.hurried = false;
        state.stream = Some(stream);
        Ok(())
    }

    /// Waits this long, shorter if hurried.
    pub(super) fn pause(&self, duration: Duration) -> Result<(), Stopped> {
        let mut state = self.lock();
        state.stream = None;
        let waits = |state: &mut State| !state.stopped && !state.hurried;
        let waited = self.changed.wait_timeout_while(state, duration, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurried = false;
        if state.stopped { Err(Stopped) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole values behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_pause_ends_at_once_when_hurried_or_stopped() {
        let stop = Stop::default();
        stop.hurry();
        assert_eq!(stop.pause(LONG), Ok(()));
        stop.stop();
        assert_eq!(stop.pause(LONG), Err(Stopped));
    }

    #[test]
    fn whoever_reads_is_woken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reader
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let stop = Stop::default();
        stop.reads_from(reader.try_clone().unwrap()).unwrap();

        stop.stop();

        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0, "the end, not a wait");
        assert_eq!(stop.reads_from(reader), Err(Stopped));
    }
}
