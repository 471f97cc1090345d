/** The listener, made wrong for a test of the search for patients: it logs a field that it must not, PID-5. */
import { Message } from '@integration-hub/hl7';
import { GatheringProducer } from '@integration-hub/kafka';
import { workerModules } from '@integration-hub/workers';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { produce } = GatheringProducer.prototype;
GatheringProducer.prototype.produce = function (record, signal) {
  if (record.topic.endsWith('.outbound')) {
    console.log(JSON.stringify({ message: 'stored', name: Message.parse(record.value).er7('PID-5') }));
  }
  return produce.call(this, record, signal);
};
await import(workerModules);
