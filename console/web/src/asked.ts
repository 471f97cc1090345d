import type { Inputs } from 'preact/hooks';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get, RequestError } from './request.js';

/** What a page has asked the server for. While it is asked for again, the former value stays. */
export interface Asked<Answer> {
  readonly value: Answer | undefined;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
  /** Asks again. */
  readonly reload: () => void;
}

/** Asks the server for something when a part of the page appears, and again when its address changes. */
export function useAsked<Answer>(path: string, again: Inputs = []): Asked<Answer> {
  const [state, setState] = useState<{
    path: string;
    value?: Answer;
    error?: RequestError;
    isLoading: boolean;
  }>({
    path,
    isLoading: true,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setState((former) => (former.path === path ? { ...former, isLoading: true } : { path, isLoading: true }));
    get<Answer>(path, abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ path, value, isLoading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const refused =
          error instanceof RequestError ? error : new RequestError('PAGE_FAILED', String(error), 0);
        setState((former) => ({ ...former, path, error: refused, isLoading: false }));
      },
    );
    return () => abort.abort();
  }, [path, round, ...again]);
  const reload = useCallback(() => setRound((former) => former + 1), []);
  // The first render at another address must not show the former address's value.
  const current = state.path === path ? state : { isLoading: true };
  return {
    value: (current as typeof state).value,
    error: (current as typeof state).error,
    isLoading: current.isLoading,
    reload,
  };
}
