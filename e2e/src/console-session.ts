/** A session with a console that has no login, used as its page does. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import {
  type Alarms,
  alarms,
  foundMessages,
  type FoundMessages,
  type MessageSearch,
  overview,
  type Overview,
  type Problem,
} from '@integration-hub/console/api';

const answerMs = 30_000;

interface Answer {
  readonly response: IncomingMessage;
  readonly body: unknown;
}

export class ConsoleSession {
  readonly #port: number;
  /** By which the console knows itself. */
  readonly #origin: string;
  #headers: Readonly<Record<string, string>> = {};

  private constructor(port: number, ownPort: number) {
    this.#port = port;
    this.#origin = `http://localhost:${ownPort}`;
  }

  /**
   * @param port of this machine, where it is reached
   * @param ownPort at which it listens, where that is another
   * @returns undefined where it does not answer
   */
  static async open(port: number, ownPort = port): Promise<ConsoleSession | undefined> {
    const session = new ConsoleSession(port, ownPort);
    const answer = await session.#ask('GET', '/api/session').catch(() => undefined);
    if (answer?.response.statusCode !== 200) return undefined;
    const cookie = answer.response.headers['set-cookie']![0]!.split(';')[0]!;
    session.#headers = { cookie, 'x-csrf-token': (answer.body as { csrf: string }).csrf };
    return session;
  }

  async overview(): Promise<Overview> {
    return overview.parse((await this.#ask('GET', '/api/overview')).body);
  }

  async alarms(): Promise<Alarms> {
    return alarms.parse((await this.#ask('GET', '/api/alarms')).body);
  }

  /** Looks in the archive. */
  async search(wanted: MessageSearch): Promise<FoundMessages['messages']> {
    return foundMessages.parse((await this.#ask('POST', '/api/messages/search', wanted)).body).messages;
  }

  /** @returns what is silenced and tuned then, or what the console says against it */
  async post(path: string, body: object): Promise<Alarms | Problem> {
    return (await this.#ask('POST', path, body)).body as Alarms | Problem;
  }

  /** Not by fetch, which says for itself by what name it asks. */
  async #ask(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
    const asked = request({
      ...{ host: '127.0.0.1', port: this.#port, method, path },
      headers: {
        ...this.#headers,
        host: new URL(this.#origin).host,
        origin: this.#origin,
        'content-type': 'application/json',
      },
      signal: AbortSignal.timeout(answerMs),
    });
    asked.end(body && JSON.stringify(body));
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return { response, body: await json(response) };
  }
}
