/** Apache Camel as a road: bench/peers/camel, in a JVM of its own. */
import { freePort, TopicAdmin } from '@integration-hub/kafka';
import { mappedSum } from './hub.js';
import { startJava } from './java-peer.js';
import { Template } from './numbered-message.js';
import type { Road } from './round.js';

/**
 * @param connections the most that send to it
 * @throws Error where Maven or Java is missing, or it does not start
 */
export async function startCamel(
  kafka: string,
  receiverPort: number,
  connections: number,
  template: Buffer,
): Promise<Road> {
  const admin = await TopicAdmin.connect({ connection: { bootstrapServers: [kafka], clientId: 'bench' } });
  const prefix = 'camel';
  const settings = { partitions: 12, replicationFactor: 1, config: {} };
  await admin.ensureTopics(
    ['received', 'outbound'].map((topic) => ({ name: `${prefix}-${topic}`, ...settings })),
  );
  await admin.close();
  const port = await freePort();
  const parameters = [String(port), kafka, String(receiverPort), prefix, String(connections)];
  const { pid, stop } = await startJava('camel', 'bench.Road', parameters, port);
  const messages = new Template(template);
  return {
    name: 'Apache Camel 4.14.0',
    port,
    sumOf: (source) => mappedSum(messages.message(source, 1)),
    pids: () => [pid],
    stop,
  };
}
