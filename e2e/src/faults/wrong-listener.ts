/** The listener, made wrong for a test of the fault machine: it acknowledges a message before it is stored. */
import { GatheringProducer } from '@integration-hub/kafka';
import { workerModules } from '@integration-hub/workers';

const LATE = 1_000;
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { produce } = GatheringProducer.prototype;
GatheringProducer.prototype.produce = function (...words) {
  setTimeout(() => void produce.apply(this, words).catch(() => undefined), LATE);
  return Promise.resolve();
};
await import(workerModules);
