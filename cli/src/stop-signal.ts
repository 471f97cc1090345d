/**
 * Calls `stop` when the process is told to end by SIGINT or SIGTERM. It may be called twice for one Ctrl-C: the
 * terminal sends it to the launcher too, which passes it on.
 */
export function onStopSignal(stop: () => void): void {
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
