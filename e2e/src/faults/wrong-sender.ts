/** The sender, made wrong for a test of the fault machine: it takes a message for delivered before it is acknowledged. */
import { acceptance, Message, MllpConnection } from '@integration-hub/hl7';
import { workerModules } from '@integration-hub/workers';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { exchange } = MllpConnection.prototype;
const lastOf = new WeakMap<MllpConnection, Promise<unknown>>();
MllpConnection.prototype.exchange = function (content, timeoutMs) {
  const last = lastOf.get(this) ?? Promise.resolve();
  const next = last.then(() => exchange.call(this, content, timeoutMs)).catch(() => undefined);
  lastOf.set(this, next);
  return Promise.resolve(acceptance(Message.parse(content), new Date()));
};
await import(workerModules);
