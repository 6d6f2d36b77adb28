/**
 * `read`, one run at a time. Who asks during a run is answered by the next one,
 * so the last answer is never older than the last request, and a hundred
 * requests at once cost two runs.
 */
export function coalesced(read) {
  let running = null;
  let again = false;
  const run = async () => {
    do {
      again = false;
      await read();
    } while (again);
  };
  return () => {
    if (running !== null) {
      again = true;
      return running;
    }
    running = run().finally(() => {
      running = null;
    });
    return running;
  };
}
