/** What the console knows of the hub at a time. */
import type { ConsoleConfiguration, PlannedDestination, PlannedFlow } from '@integration-hub/api';
import type { DestinationSummary, FlowSummary, Overview } from './api.js';

export class Watch {
  readonly #configuration: ConsoleConfiguration;

  constructor(configuration: ConsoleConfiguration) {
    this.#configuration = configuration;
  }

  overview(): Overview {
    const { hub, plan, archive } = this.#configuration;
    return {
      hub,
      at: new Date().toISOString(),
      kafka: false,
      archive: archive !== null,
      zones: [],
      flows: plan.flows.map((flow) => this.#flow(flow)),
      destinations: plan.destinations.map((destination) => this.#destination(destination)),
      alarms: { firing: 0, silenced: 0 },
    };
  }

  #flow({ name }: PlannedFlow): FlowSummary {
    return {
      name,
      ready: false,
      workers: [],
      receivedPerSecond: null,
      deliveredPerSecond: null,
      failedPerSecond: null,
      errorRate: null,
      backlog: null,
      oldestWaitingSeconds: null,
      deadLetters: null,
      lastReceivedAt: null,
    };
  }

  #destination({ name, messagesPerMinute }: PlannedDestination): DestinationSummary {
    return {
      name,
      reachable: null,
      workers: [],
      sentPerSecond: null,
      refusedPerSecond: null,
      backlog: null,
      oldestWaitingSeconds: null,
      deadLetters: null,
      ...(messagesPerMinute !== null && { throttlePerMinute: messagesPerMinute }),
    };
  }
}
