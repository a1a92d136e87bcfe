// Waiting for something to become true, with a deadline instead of a guess.

const EVERY_MS = 50;

/* Calls check() until it gives something true, and gives that. An exception
 * counts as "not yet"; at the deadline it is in the failure. */
export async function eventually(what, check, timeout_ms = 30000) {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    let outcome;
    try {
      outcome = await check();
      if (outcome) return outcome;
    } catch (error) {
      outcome = error;
    }
    if (Date.now() >= deadline)
      throw new Error(`not within ${timeout_ms} ms: ${what}`
        + ` (last: ${outcome?.message ?? JSON.stringify(outcome)})`);
    await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
  }
}
