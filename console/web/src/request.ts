/** Requests to the console's server. */

/** What the server has refused, in its words; or that it could not be reached (`code` is then `UNREACHABLE`). */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** The HTTP status; 0 where there was no answer. */
    readonly status: number,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

let csrf = '';

/** The token that requests which change something carry from now on. */
export function carryCsrfToken(token: string): void {
  csrf = token;
}

/** @throws RequestError */
export function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return request<Answer>(path, signal === undefined ? {} : { signal });
}

/** @throws RequestError */
export function post<Answer>(path: string, body: unknown): Promise<Answer> {
  return request<Answer>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-csrf-token': csrf },
    body: JSON.stringify(body),
  });
}

async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', cache: 'no-store' });
    text = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestError('UNREACHABLE', '', 0);
  }
  if (!response.ok) throw refusal(response.status, text);
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

/** The server says {code, sentence}; what stands between it and us, such as a proxy, may say anything. */
function refusal(status: number, text: string): RequestError {
  try {
    const { code, sentence } = JSON.parse(text) as { code?: unknown; sentence?: unknown };
    if (typeof code === 'string' && typeof sentence === 'string')
      return new RequestError(code, sentence, status);
  } catch {
    // Not the server's own answer.
  }
  return new RequestError('UNREACHABLE', '', status);
}
