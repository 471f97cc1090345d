import type { JSX } from 'preact';
import { useRoute } from 'preact-iso';
import { useState } from 'preact/hooks';
import type { Condition, Failure, FlowDetail, History, RoadStep } from '../api.js';
import { useAsked } from '../asked.js';
import { flowHealth } from '../health.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { clock, moment, rate, span, wholeNumber } from '../language/numbers-and-times.js';
import { useLive } from '../live.js';
import { Chart } from '../parts/chart.js';
import { Figure, Figures } from '../parts/figure.js';
import { Count, Moment, Rate, Share, Waited } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { Shown } from '../parts/states.js';
import { HEALTH_TEXT, WorkersByZone } from './overview.js';

export function FlowPage(): JSX.Element {
  const { name = '' } = useRoute().params;
  return <OneFlow key={name} name={name} />;
}

function OneFlow({ name }: { name: string }): JSX.Element {
  const { t } = useLanguage();
  const live = useLive();
  const asked = useAsked<FlowDetail>(`/api/flows/${encodeURIComponent(name)}`);
  const heard = live.flow?.summary.name === name ? live.flow : undefined;
  const value = heard ?? asked.value;
  const health = value === undefined ? undefined : flowHealth(value.summary);
  return (
    <Page title={name} beside={health !== undefined && <Mark kind={health} text={t(HEALTH_TEXT[health])} />}>
      <Shown asked={{ ...asked, value, error: value === undefined ? asked.error : undefined }}>
        {(flow) => <Parts flow={flow} />}
      </Shown>
    </Page>
  );
}

function Parts({ flow }: { flow: FlowDetail }): JSX.Element {
  const { t } = useLanguage();
  const { summary } = flow;
  return (
    <>
      <p class="links">
        <a href={`/messages?flow=${summary.name}`}>{t('showFlowMessages')}</a>
        <a href={`/dead-letters?of=${summary.name}`}>{t('showFlowDeadLetters')}</a>
      </p>
      <Figures label={t('figures')}>
        <Figure name={t('received')}>
          <Rate value={summary.receivedPerSecond} />
        </Figure>
        <Figure name={t('delivered')}>
          <Rate value={summary.deliveredPerSecond} />
        </Figure>
        <Figure name={t('errorRate')} kind={(summary.errorRate ?? 0) > 0 ? 'warning' : undefined}>
          <Share value={summary.errorRate} />
        </Figure>
        <Figure name={t('oldestWaiting')}>
          {summary.backlog === null ? (
            '–'
          ) : (
            <Waited seconds={summary.oldestWaitingSeconds} backlog={summary.backlog} />
          )}
        </Figure>
        <Figure name={t('deadLetters')} kind={(summary.deadLetters ?? 0) > 0 ? 'warning' : undefined}>
          <Count value={summary.deadLetters} />
        </Figure>
      </Figures>
      <Section title={t('road')}>
        <p class="hint">{t('roadHint', { time: moment(new Date(flow.since)) })}</p>
        <Road steps={flow.road} />
      </Section>
      <HistoryCharts name={summary.name} />
      <div class="columns">
        <Section title={t('recentFailures')}>
          <Failures failures={flow.recentFailures} />
        </Section>
        <div class="stack">
          <Section title={t('conditions')}>
            <Conditions conditions={flow.conditions} />
          </Section>
          <Section title={t('settings')}>
            <dl class="facts">
              <dt>{t('ordering')}</dt>
              <dd>
                {flow.ordering.by === 'Flow'
                  ? t('orderingFlow')
                  : t('orderingField', { path: flow.ordering.path ?? '' })}
              </dd>
              <dt>{t('contentPolicy')}</dt>
              <dd>{t(`policy${flow.contentPolicy}`)}</dd>
              <dt>{t('workersByZone')}</dt>
              <dd>
                <WorkersByZone workers={summary.workers} />
              </dd>
            </dl>
          </Section>
        </div>
      </div>
    </>
  );
}

const KINDS: Readonly<Record<RoadStep['kind'], TextKey>> = {
  listener: 'listener',
  topic: 'topic',
  transformer: 'transformer',
  destination: 'destination',
};

/** The stages and the topics between them, in the order in which a message comes by. */
function Road({ steps }: { steps: readonly RoadStep[] }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  return (
    <ol class="road">
      {steps.map(({ kind, name, count, perSecond, lag }) => (
        <li key={`${kind} ${name}`} class={kind}>
          <span class="kind">{t(KINDS[kind])}</span>
          <span class="name">{breakable(name)}</span>
          {count !== null && (
            <span class="count">{t('messageCount', { count, formatted: wholeNumber(count, language) })}</span>
          )}
          {perSecond !== null && <span>{t('perSecond', { value: rate(perSecond, language) })}</span>}
          {kind === 'topic' && (
            <span class={lag !== null && lag > 0 ? 'lag some' : 'lag'}>
              {lag === null ? t('unknown') : t('waits', { formatted: wholeNumber(lag, language) })}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}

/** A topic's long name may be broken after its dots. */
function breakable(name: string): (string | JSX.Element)[] {
  return name.split(/(?<=\.)/).flatMap((part, index) => (index === 0 ? [part] : [<wbr key={index} />, part]));
}

const SPANS: readonly [minutes: number, text: TextKey][] = [
  [60, 'lastHour'],
  [360, 'lastSixHours'],
  [1440, 'lastDay'],
];

function HistoryCharts({ name }: { name: string }): JSX.Element {
  const { t } = useLanguage();
  const { overview } = useLive();
  const [minutes, setMinutes] = useState(60);
  // A new point comes with each minute.
  const minute = overview?.at.slice(0, 16);
  const asked = useAsked<History>(`/api/flows/${encodeURIComponent(name)}/history?minutes=${minutes}`, [
    minute,
  ]);
  const choice = (
    <label class="inline">
      {t('span')}
      <select value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
        {SPANS.map(([value, key]) => (
          <option key={value} value={value}>
            {t(key)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Section title={t('history')} beside={choice}>
      <Shown asked={asked}>
        {({ points }) =>
          points.length === 0 ? <p class="hint">{t('noHistory')}</p> : <Charts points={points} />
        }
      </Shown>
    </Section>
  );
}

function Charts({ points }: { points: History['points'] }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const times = points.map(({ at }) => Date.parse(at) / 1000);
  const milliseconds = (value: number): string => span(value / 1000, language);
  return (
    <>
      <div class="charts">
        <div>
          <h3>{t('throughput')}</h3>
          <Chart
            label={t('throughput')}
            times={times}
            written={(value) => wholeNumber(value, language)}
            lines={[
              { name: t('received'), colour: '--line-1', values: points.map(({ received }) => received) },
              {
                name: t('delivered'),
                colour: '--line-2',
                dash: [6, 4],
                values: points.map(({ delivered }) => delivered),
              },
              {
                name: t('failedMessages'),
                colour: '--line-3',
                dash: [2, 3],
                values: points.map(({ failed }) => failed),
              },
            ]}
          />
        </div>
        <div>
          <h3>{t('latency')}</h3>
          <Chart
            label={t('latency')}
            times={times}
            written={milliseconds}
            lines={[
              { name: t('half'), colour: '--line-1', values: points.map(({ p50Ms }) => p50Ms) },
              {
                name: t('ninetyNine'),
                colour: '--line-2',
                dash: [6, 4],
                values: points.map(({ p99Ms }) => p99Ms),
              },
            ]}
          />
        </div>
      </div>
      <details>
        <summary>{t('asTable')}</summary>
        <HistoryTable points={points} />
      </details>
    </>
  );
}

function HistoryTable({ points }: { points: History['points'] }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const whole = (value: number | null): string => (value === null ? '–' : wholeNumber(value, language));
  const time = (ms: number | null): string => (ms === null ? '–' : span(ms / 1000, language));
  const columns: readonly TextKey[] = ['received', 'delivered', 'failedMessages', 'half', 'ninetyNine'];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('asTable')}>
      <table>
        <caption class="hidden">{t('throughput')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('time')}</th>
            {columns.map((key) => (
              <th key={key} scope="col" class="number">
                {t(key)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map(({ at, received, delivered, failed, p50Ms, p99Ms }) => (
            <tr key={at}>
              <th scope="row">{clock(new Date(at))}</th>
              {[whole(received), whole(delivered), whole(failed), time(p50Ms), time(p99Ms)].map(
                (text, index) => (
                  <td key={index} class="number">
                    {text}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Failures({ failures }: { failures: readonly Failure[] }): JSX.Element {
  const { t } = useLanguage();
  if (failures.length === 0) return <p class="hint">{t('noFailures')}</p>;
  return (
    <ul class="entries">
      {failures.map(({ at, code, sentence, correlationId, stage }, index) => (
        <li key={`${at} ${index}`}>
          <p class="entry-head">
            <code>{code}</code> <span>{stage}</span> <Moment at={at} />
          </p>
          <p lang="en">{sentence}</p>
          <p>
            <a href={`/messages/${correlationId}`}>
              {t('showMessage')} <span class="hidden">{correlationId}</span>
            </a>
          </p>
        </li>
      ))}
    </ul>
  );
}

function Conditions({ conditions }: { conditions: readonly Condition[] }): JSX.Element {
  const { t } = useLanguage();
  if (conditions.length === 0) return <p class="hint">{t('none')}</p>;
  return (
    <ul class="entries">
      {conditions.map(({ type, ok, sentence }) => (
        <li key={type}>
          <p class="entry-head">
            <strong lang="en">{type}</strong>
            <Mark kind={ok ? 'good' : 'bad'} text={t(ok ? 'met' : 'notMet')} />
          </p>
          <p lang="en">{sentence}</p>
        </li>
      ))}
    </ul>
  );
}
