/**
 * kafkajs asks who the coordinator is before each step of a transaction: four of its nine requests. It need not, as
 * long as the one that is known answers.
 */

interface Coordinator {
  isConnected(): boolean;
}

/** Whose coordinator: a group's (type 0) or a transactional id's (type 1). */
interface Subject {
  readonly groupId: string;
  readonly coordinatorType: number;
}

/** What a transaction needs of kafkajs's cluster. */
export interface CoordinatorFinder {
  readonly retry: unknown;
  refreshMetadataIfNecessary(): Promise<void>;
  findControllerBroker(): Promise<object>;
  findGroupCoordinator(subject: Subject): Promise<Coordinator>;
}

/** Remembers coordinators for one producer. */
export class KnownCoordinators {
  /** In place of kafkajs's cluster. */
  readonly cluster: CoordinatorFinder;
  readonly #cluster: CoordinatorFinder;
  readonly #known = new Map<string, Coordinator>();
  /** Of which one was asked since the last step began; of steps side by side each begins by asking for one. */
  readonly #asked = new Set<string>();

  constructor(cluster: CoordinatorFinder) {
    this.#cluster = cluster;
    this.cluster = {
      retry: cluster.retry,
      refreshMetadataIfNecessary: () => cluster.refreshMetadataIfNecessary(),
      findControllerBroker: () => cluster.findControllerBroker(),
      findGroupCoordinator: (subject) => this.#find(subject),
    };
  }

  /**
   * Does one step of a transaction. If that fails, whoever is the coordinator is asked for again, unless the error
   * only says that it has to wait.
   */
  async step<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#asked.clear();
    try {
      return await work();
    } catch (error) {
      if ((error as { type?: unknown }).type !== 'CONCURRENT_TRANSACTIONS') this.#known.clear();
      throw error;
    }
  }

  async #find(subject: Subject): Promise<Coordinator> {
    const name = `${subject.coordinatorType} ${subject.groupId}`;
    const known = this.#known.get(name);
    // Who asks twice in a step was refused by the first.
    const isRefused = this.#asked.has(name);
    this.#asked.add(name);
    if (known?.isConnected() === true && !isRefused) return known;
    const found = await this.#cluster.findGroupCoordinator(subject);
    this.#known.set(name, found);
    return found;
  }
}
