/** What the server sends by itself. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { FlowDetail, Overview } from './api.js';

export interface Live {
  readonly overview: Overview | undefined;
  /** The flow whose page is open. */
  readonly flow: FlowDetail | undefined;
  /** Counts up whenever alarms have changed. */
  readonly alarmChanges: number;
  /** `lost` until the server is heard again: what is shown is then of a former time. */
  readonly connection: 'connecting' | 'live' | 'lost';
  /** When the server was last heard. */
  readonly heardAt: Date | undefined;
}

/** The server speaks every 2 s: after so long a silence, in milliseconds, the connection counts as lost. */
const SILENCE = 7_000;
/** How long until a connection that was refused is tried anew. */
const AGAIN = 3_000;

const NOTHING: Live = {
  overview: undefined,
  flow: undefined,
  alarmChanges: 0,
  connection: 'connecting',
  heardAt: undefined,
};

const LiveContext = createContext<Live>(NOTHING);
export const LiveProvider = LiveContext.Provider;

/** What is known now. */
export function useLive(): Live {
  return useContext(LiveContext);
}

/**
 * Listens to the server as long as the part of the page is there.
 *
 * @param flow the flow to hear of beside the overview
 * @param onRefused called when the server has ended the stream or refuses it, as it does after a session's end
 */
export function useLiveStream(flow: string | undefined, onRefused: () => void): Live {
  const [live, setLive] = useState<Live>(NOTHING);
  useEffect(() => {
    let source: EventSource;
    let again: number | undefined;
    let silence: number | undefined;

    const lost = (): void => setLive((former) => ({ ...former, connection: 'lost' }));
    const heard = (change: (former: Live) => Partial<Live>): void => {
      clearTimeout(silence);
      silence = window.setTimeout(lost, SILENCE);
      setLive((former) => ({ ...former, ...change(former), connection: 'live', heardAt: new Date() }));
    };
    const data = (event: Event): unknown => JSON.parse((event as MessageEvent<string>).data);
    const open = (): void => {
      source = new EventSource(
        flow === undefined ? '/api/live' : `/api/live?flow=${encodeURIComponent(flow)}`,
      );
      source.addEventListener('overview', (event) => heard(() => ({ overview: data(event) as Overview })));
      source.addEventListener('flow', (event) => heard(() => ({ flow: data(event) as FlowDetail })));
      source.addEventListener('alarms', () =>
        heard(({ alarmChanges }) => ({ alarmChanges: alarmChanges + 1 })),
      );
      source.onerror = () => {
        lost();
        // The browser goes on by itself where the network failed, but not where the server has refused.
        if (source.readyState === EventSource.CLOSED) {
          onRefused();
          again = window.setTimeout(open, AGAIN);
        }
      };
    };
    setLive((former) => ({ ...former, flow: undefined }));
    silence = window.setTimeout(lost, SILENCE);
    open();
    return () => {
      clearTimeout(again);
      clearTimeout(silence);
      source.close();
    };
  }, [flow, onRefused]);
  return live;
}
