import type { JSX } from 'preact';
import { useRoute } from 'preact-iso';
import { useRef, useState } from 'preact/hooks';
import type { DeadLetterDetail, HandledLetters } from '../api.js';
import { useAsked } from '../asked.js';
import { useLanguage } from '../language/language.js';
import { moment } from '../language/numbers-and-times.js';
import { ContentView, type Corrections } from '../parts/content.js';
import { HandledNotice, HandleLetters, type Handling } from '../parts/handle-letters.js';
import { Moment } from '../parts/known.js';
import { Page, Section } from '../parts/page.js';
import { Shown } from '../parts/states.js';
import { hasRole, useSession } from '../session.js';
import { LetterTags } from './dead-letters.js';

export function DeadLetterPage(): JSX.Element {
  const { of = '', partition = '', offset = '' } = useRoute().params;
  const id = `${of}/${partition}/${offset}`;
  return <OneLetter key={id} id={id} />;
}

function OneLetter({ id }: { id: string }): JSX.Element {
  const { t } = useLanguage();
  const asked = useAsked<DeadLetterDetail>(`/api/dead-letters/${id}`);
  const controlId = asked.value?.deadLetter.controlId ?? '';
  return (
    <Page
      title={t('deadLetter', { name: controlId === '' ? id : controlId })}
      beside={asked.value !== undefined && <LetterTags letter={asked.value.deadLetter} />}
    >
      <p class="links">
        <a href="/dead-letters">{t('backToDeadLetters')}</a>
      </p>
      <Shown asked={asked}>{(detail) => <Parts detail={detail} onHandled={asked.reload} />}</Shown>
    </Page>
  );
}

function Parts({ detail, onHandled }: { detail: DeadLetterDetail; onHandled: () => void }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const session = useSession();
  const [corrections, setCorrections] = useState<Corrections>(new Map());
  const [handling, setHandling] = useState<Handling>();
  const [result, setResult] = useState<{ handling: Handling; handled: HandledLetters }>();
  const { deadLetter, content, handled } = detail;
  const mayHandle = hasRole(session, 'operator') && handled === undefined;
  const isShown = 'segments' in content;

  const correct = (path: string, value: string | undefined): void => {
    const changed = new Map(corrections);
    if (value === undefined) changed.delete(path);
    else changed.set(path, value);
    setCorrections(changed);
  };
  const done = (came: HandledLetters): void => {
    setResult({ handling: handling!, handled: came });
    setHandling(undefined);
    if (came.done.length > 0) setCorrections(new Map());
    onHandled();
  };
  return (
    <>
      {result !== undefined && <HandledNotice {...result} />}
      {handled !== undefined && (
        <p class="notice">
          {t(handled.action === 'replayed' ? 'handledReplayed' : 'handledDropped', {
            who: handled.who,
            time: moment(new Date(handled.at)),
            why: handled.why,
          })}
        </p>
      )}
      <section class="card">
        <p class="reason" lang="en">
          <code>{deadLetter.code}</code> {deadLetter.sentence}
        </p>
        <dl class="facts wide">
          <dt>{t('setAside')}</dt>
          <dd>
            <Moment at={deadLetter.at} />
          </dd>
          <dt>{t('stage')}</dt>
          <dd>{deadLetter.stage}</dd>
          <dt>{t('flow')}</dt>
          <dd>
            <a href={`/flows/${deadLetter.flow}`}>{deadLetter.flow}</a>
          </dd>
          <dt>{t('messageType')}</dt>
          <dd>{deadLetter.type === '' ? t('unknown') : deadLetter.type}</dd>
          <dt>{t('correlationId')}</dt>
          <dd>
            <code>{deadLetter.correlationId}</code>{' '}
            <a href={`/messages/${deadLetter.correlationId}`}>{t('showMessage')}</a>
          </dd>
        </dl>
        {deadLetter.rejected && <p class="hint">{t('rejectedHint')}</p>}
        {deadLetter.truncated && <p class="hint">{t('truncatedHint')}</p>}
      </section>
      {mayHandle && (
        <Section title={t('yourChanges')}>
          {isShown && <CorrectionList corrections={corrections} onCorrect={correct} />}
          <div class="form-foot">
            <button type="button" onClick={() => setHandling('drop')}>
              {t('drop')}
            </button>
            <button
              type="button"
              class="primary"
              disabled={deadLetter.truncated}
              onClick={() => setHandling('replay')}
            >
              {t('replay')}
            </button>
          </div>
        </Section>
      )}
      <Section title={t('contentReceived')}>
        <ContentView
          content={content}
          correcting={mayHandle && isShown ? { corrections, onCorrect: correct } : undefined}
        />
        {isShown && <p class="hint">{t('contentAudited')}</p>}
      </Section>
      {handling !== undefined && (
        <HandleLetters
          handling={handling}
          letters={[deadLetter]}
          corrections={corrections}
          onDone={done}
          onClose={() => setHandling(undefined)}
        />
      )}
    </>
  );
}

/** What is to be changed so far; and a way to fill a field that the message does not have. */
function CorrectionList(props: {
  corrections: Corrections;
  onCorrect: (path: string, value: string | undefined) => void;
}): JSX.Element {
  const { t } = useLanguage();
  const other = useRef<HTMLElement>(null);
  const [path, setPath] = useState('');
  const [value, setValue] = useState('');
  return (
    <>
      {props.corrections.size === 0 ? (
        <p class="hint">{t('noCorrections')}</p>
      ) : (
        <ul class="corrections">
          {[...props.corrections].map(([corrected, text]) => (
            <li key={corrected}>
              <code>{corrected}</code> <ins>{text === '' ? <em>{t('emptyValue')}</em> : text}</ins>
              <button
                type="button"
                class="small"
                onClick={() => {
                  props.onCorrect(corrected, undefined);
                  // The button goes with its entry.
                  other.current?.focus();
                }}
              >
                {t('undoChange')} <span class="hidden">{corrected}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary ref={other}>{t('otherField')}</summary>
        <form
          class="filters"
          method="post"
          autocomplete="off"
          onSubmit={(event) => {
            event.preventDefault();
            props.onCorrect(path.trim(), value);
            setPath('');
            setValue('');
          }}
        >
          <label class="field">
            <span>
              {t('field')} <span class="hint">PID-7, PID-3[2].1</span>
            </span>
            <input
              type="text"
              required
              maxLength={64}
              pattern="\s*[A-Z][A-Z0-9]{2}(\[\d+\])?-\d+(\[\d+\])?(\.\d+){0,2}\s*"
              value={path}
              spellcheck={false}
              onInput={(event) => setPath(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            {t('value')}
            <input
              type="text"
              maxLength={10_000}
              value={value}
              spellcheck={false}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
          </label>
          <button type="submit">{t('keepChange')}</button>
        </form>
      </details>
    </>
  );
}
