import type { JSX } from 'preact';
import { useRoute } from 'preact-iso';
import { useState } from 'preact/hooks';
import type { Difference, MessageDetail, MessageStep } from '../api.js';
import { useAsked } from '../asked.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { span } from '../language/numbers-and-times.js';
import { useLive } from '../live.js';
import { ContentView } from '../parts/content.js';
import type { IconName } from '../parts/icon.js';
import { Moment } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { ArchiveOff, Shown } from '../parts/states.js';
import { OutcomeMark } from './messages.js';

type Written = NonNullable<MessageDetail['written']>[number];

export function MessagePage(): JSX.Element {
  const { correlationId = '' } = useRoute().params;
  return <OneMessage key={correlationId} correlationId={correlationId} />;
}

function OneMessage({ correlationId }: { correlationId: string }): JSX.Element {
  const { t } = useLanguage();
  const { overview } = useLive();
  const asked = useAsked<MessageDetail>(`/api/messages/${encodeURIComponent(correlationId)}`);
  const title = t('message', { controlId: asked.value?.message.controlId ?? correlationId });
  if (overview?.archive === false) {
    return (
      <Page title={title}>
        <ArchiveOff />
      </Page>
    );
  }
  return (
    <Page
      title={title}
      beside={asked.value !== undefined && <OutcomeMark outcome={asked.value.message.outcome} />}
    >
      <Shown asked={asked}>{(detail) => <Parts detail={detail} />}</Shown>
    </Page>
  );
}

function Parts({ detail }: { detail: MessageDetail }): JSX.Element {
  const { t } = useLanguage();
  const { message, traceId, written = [] } = detail;
  return (
    <>
      <dl class="facts wide card">
        <dt>{t('flow')}</dt>
        <dd>
          <a href={`/flows/${message.flow}`}>{message.flow}</a>
        </dd>
        <dt>{t('receivedAt')}</dt>
        <dd>
          <Moment at={message.receivedAt} withMilliseconds />
        </dd>
        <dt>{t('messageType')}</dt>
        <dd>{message.type}</dd>
        <dt>{t('sender')}</dt>
        <dd>{message.sendingApplication}</dd>
        <dt>{t('correlationId')}</dt>
        <dd>
          <Copied text={message.correlationId} />
        </dd>
        {traceId !== undefined && (
          <>
            <dt>{t('traceId')}</dt>
            <dd>
              <Copied text={traceId} />
            </dd>
          </>
        )}
      </dl>
      <Section title={t('messageRoad')}>
        <Steps steps={detail.road} />
      </Section>
      {written.map((one) => (
        <Section
          key={one.destination}
          title={t('changesFor', { destination: one.destination })}
          beside={<p class="beside">{t('changesSummary', { count: one.differences.length })}</p>}
        >
          <Differences differences={one.differences} />
        </Section>
      ))}
      <Contents detail={detail} written={written} />
    </>
  );
}

/** An id, and a button that puts it on the clipboard. */
function Copied({ text }: { text: string }): JSX.Element {
  const { t } = useLanguage();
  const [isDone, setDone] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setDone(true),
      () => setDone(false),
    );
  };
  return (
    <span class="copied">
      <code>{text}</code>
      <button type="button" class="small" onClick={copy}>
        {t('copy')} <span class="hidden">{text}</span>
      </button>
      <span role="status">{isDone && t('copied')}</span>
    </span>
  );
}

const STEPS: Readonly<Record<MessageStep['kind'], [text: TextKey, icon: IconName]>> = {
  received: ['stepReceived', 'good'],
  transformed: ['stepTransformed', 'good'],
  filtered: ['stepFiltered', 'silent'],
  duplicate: ['stepDuplicate', 'silent'],
  delivered: ['stepDelivered', 'good'],
  failed: ['stepFailed', 'warning'],
  'dead-letter': ['stepDeadLetter', 'bad'],
  'letter-replayed': ['stepLetterReplayed', 'good'],
  'letter-dropped': ['stepLetterDropped', 'silent'],
};

function Steps({ steps }: { steps: readonly MessageStep[] }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  return (
    <ol class="steps">
      {steps.map((step, index) => {
        const [text, icon] = STEPS[step.kind];
        return (
          <li key={`${step.at} ${index}`}>
            <p class="step-head">
              <Mark kind={icon} text={t(text)} />
              {step.destination !== '' && <strong>{step.destination}</strong>}
              {step.replayed && <span class="tag">{t('stepReplayed')}</span>}
            </p>
            <p class="hint">
              <Moment at={step.at} withMilliseconds />
              {step.ms > 0 && <> · +{span(step.ms / 1000, language)}</>}
              {step.stage !== '' && <> · {step.stage}</>}
              {step.attempts > 1 && <> · {t('attempts', { count: step.attempts })}</>}
            </p>
            {step.sentence !== '' && (
              <p lang="en">
                {step.sentence} {step.code !== '' && <code>{step.code}</code>}
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

/** What stood in a part of the message before and after, side by side. */
function Differences({ differences }: { differences: readonly Difference[] }): JSX.Element {
  const { t } = useLanguage();
  if (differences.length === 0) return <p class="hint">{t('noChanges')}</p>;
  return (
    <table class="cards differences">
      <caption class="hidden">{t('changes')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('field')}</th>
          <th scope="col">{t('change')}</th>
          <th scope="col">{t('received')}</th>
          <th scope="col">{t('sent')}</th>
        </tr>
      </thead>
      <tbody>
        {differences.map(({ path, from, to }) => (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
            </th>
            <td class="whole-row" data-label={t('change')}>
              {t(kindOf(from, to))}
            </td>
            <td data-label={t('received')}>{from === undefined ? '–' : <del>{from}</del>}</td>
            <td data-label={t('sent')}>{to === undefined ? '–' : <ins>{to}</ins>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function kindOf(from: string | undefined, to: string | undefined): TextKey {
  if (from === undefined) return 'added';
  return to === undefined ? 'removed' : 'changed';
}

function Contents({
  detail,
  written,
}: {
  detail: MessageDetail;
  written: readonly Written[];
}): JSX.Element | null {
  const { t } = useLanguage();
  const [chosen, setChosen] = useState(written[0]?.destination);
  const other = written.find(({ destination }) => destination === chosen);
  if (detail.received === undefined && other === undefined) return null;
  const marked = new Set(other?.differences.map(({ path }) => path));
  const choice = written.length > 1 && (
    <label class="inline">
      {t('destination')}
      <select value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
        {written.map(({ destination }) => (
          <option key={destination}>{destination}</option>
        ))}
      </select>
    </label>
  );
  const isShown = detail.received !== undefined && 'segments' in detail.received;
  return (
    <>
      <div class={other === undefined ? undefined : 'columns even'}>
        {detail.received !== undefined && (
          <Section title={t('contentReceived')}>
            <ContentView content={detail.received} marked={marked} />
          </Section>
        )}
        {other !== undefined && (
          <Section title={t('contentWritten', { destination: other.destination })} beside={choice}>
            <ContentView content={other.content} marked={marked} />
          </Section>
        )}
      </div>
      {isShown && <p class="hint">{t('contentAudited')}</p>}
    </>
  );
}
