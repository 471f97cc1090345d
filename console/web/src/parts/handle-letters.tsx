/** Replaying and dropping dead letters: the questions before, and what came of it after. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeadLetter, DropLetters, HandledLetters, ReplayLetters } from '../api.js';
import { useLanguage } from '../language/language.js';
import { post, type RequestError } from '../request.js';
import type { Corrections } from './content.js';
import { Dialog, WhyField } from './dialog.js';
import { Failure } from './states.js';

export type Handling = 'replay' | 'drop';

/** Asks why and, for rejected letters, whether they are meant too; then does it. */
export function HandleLetters(props: {
  handling: Handling;
  letters: readonly DeadLetter[];
  /** Of the one letter that is open. */
  corrections?: Corrections;
  onDone: (handled: HandledLetters) => void;
  onClose: () => void;
}): JSX.Element {
  const { t } = useLanguage();
  const { handling, letters, corrections } = props;
  const [why, setWhy] = useState('');
  const [rejected, setRejected] = useState(false);
  const [error, setError] = useState<RequestError>();
  const [isWorking, setWorking] = useState(false);
  const isReplay = handling === 'replay';
  const isCorrected = isReplay && corrections !== undefined && corrections.size > 0;

  const handle = (): void => {
    setWorking(true);
    setError(undefined);
    const ids = letters.map(({ id }) => id);
    const drop: DropLetters = { ids, reason: why };
    const replay: ReplayLetters = {
      ...drop,
      rejected,
      ...(isCorrected && {
        corrected: { [ids[0]!]: { changes: [...corrections].map(([path, value]) => ({ path, value })) } },
      }),
    };
    post<HandledLetters>(`/api/dead-letters/${handling}`, isReplay ? replay : drop)
      .then(props.onDone)
      .catch((refused: unknown) => {
        setError(refused as RequestError);
        setWorking(false);
      });
  };
  return (
    <Dialog
      title={t(isReplay ? 'replayTitle' : 'dropTitle', { count: letters.length })}
      action={t(isReplay ? 'doReplay' : 'doDrop')}
      isDangerous={!isReplay}
      isWorking={isWorking}
      onAction={handle}
      onClose={props.onClose}
    >
      <p>{t(isReplay ? 'replayWhat' : 'dropWhat')}</p>
      {isCorrected && <p>{t('replayCorrected')}</p>}
      {isReplay && letters.some((letter) => letter.rejected) && (
        <label class="check">
          <input
            type="checkbox"
            checked={rejected}
            onChange={(event) => setRejected(event.currentTarget.checked)}
          />
          {t('includeRejected')}
        </label>
      )}
      <WhyField value={why} onInput={setWhy} />
      {error !== undefined && <Failure error={error} />}
    </Dialog>
  );
}

/** What came of it: how many, and which were refused with the server's reason. */
export function HandledNotice({
  handling,
  handled,
}: {
  handling: Handling;
  handled: HandledLetters;
}): JSX.Element {
  const { t } = useLanguage();
  const notice = useRef<HTMLDivElement>(null);
  // The buttons that were used may be gone: whoever used them goes on here.
  useEffect(() => notice.current!.focus(), [handled]);
  return (
    <div ref={notice} tabIndex={-1} class={handled.refused.length === 0 ? 'notice good' : 'notice warning'}>
      {handled.done.length > 0 && (
        <p>{t(handling === 'replay' ? 'replayed' : 'dropped', { count: handled.done.length })}</p>
      )}
      {handled.refused.length > 0 && (
        <>
          <p>{t('refusedLetters', { count: handled.refused.length })}</p>
          <ul>
            {handled.refused.map(({ id, sentence }) => (
              <li key={id}>
                <code>{id}</code> <span lang="en">{sentence}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
