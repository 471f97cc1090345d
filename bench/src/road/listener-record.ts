/** A record such as a listener stores. */
import { recordHeaders } from '@integration-hub/api';
import type { GatheringProducer } from '@integration-hub/kafka';

/**
 * @param source whose message it is; the record's key
 * @param id of the message; its control id, and what its other ids are made of
 */
export function listenerRecord(
  topic: string,
  source: string,
  id: string,
  value: Buffer,
): Parameters<GatheringProducer['produce']>[0] {
  const description = {
    correlationId: id.padStart(36, '0'),
    namespace: 'bench',
    flow: 'phw-to-mpi',
    receivedTime: new Date().toISOString(),
    controlId: id,
    contentType: 'x-application/hl7-v2+er7; charset=UNICODE UTF-8',
    traceparent: `00-${id.padStart(32, '0')}-${id.padStart(16, '0')}-01`,
    healthBoard: '',
    peer: '',
  };
  return { topic, key: Buffer.from(source), value, headers: recordHeaders(description, 'received') };
}
