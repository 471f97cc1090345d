import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { DestinationSummary, FlowSummary, Overview, WorkerSummary, ZoneSummary } from '../api.js';
import { useAsked } from '../asked.js';
import {
  byZone,
  destinationHealth,
  flowHealth,
  type Health,
  isAtWork,
  isTroubled,
  troubledFirst,
  zoneHealth,
} from '../health.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { useLive } from '../live.js';
import { Figure, Figures } from '../parts/figure.js';
import { Icon } from '../parts/icon.js';
import { Count, Lately, Rate, Share, Waited } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { Empty, Shown } from '../parts/states.js';

/** From so many flows on, one looks for a flow by its name. */
const MANY = 8;

export const HEALTH_TEXT: Readonly<Record<Health, TextKey>> = {
  good: 'healthGood',
  warning: 'healthWarning',
  bad: 'healthBad',
  unknown: 'healthUnknown',
};

export function OverviewPage(): JSX.Element {
  const { t } = useLanguage();
  const live = useLive();
  const asked = useAsked<Overview>('/api/overview');
  // Until the stream speaks there is the answer; after that the stream is newer.
  const value = live.overview ?? asked.value;
  return (
    <Page title={t('overview')} beside={value !== undefined && <p class="beside">{value.hub}</p>}>
      <Shown asked={{ ...asked, value, error: value === undefined ? asked.error : undefined }}>
        {(overview) => <Parts overview={overview} />}
      </Shown>
    </Page>
  );
}

function Parts({ overview }: { overview: Overview }): JSX.Element {
  const { t } = useLanguage();
  const { flows, destinations, zones } = overview;
  const letters = [...flows, ...destinations].map(({ deadLetters }) => deadLetters);
  const waiting = [...flows, ...destinations];
  return (
    <>
      {overview.alarms !== null && <AlarmStrip alarms={overview.alarms} />}
      <Figures label={t('figures')}>
        <Figure name={t('received')}>
          <Rate value={sum(flows.map(({ receivedPerSecond }) => receivedPerSecond))} />
        </Figure>
        <Figure name={t('delivered')}>
          <Rate value={sum(destinations.map(({ sentPerSecond }) => sentPerSecond))} />
        </Figure>
        <Figure name={t('failedMessages')}>
          <Rate value={sum(flows.map(({ failedPerSecond }) => failedPerSecond))} />
        </Figure>
        <Figure name={t('waiting')}>
          <Count value={sum(waiting.map(({ backlog }) => backlog))} />
        </Figure>
        <Figure name={t('oldestWaiting')}>
          <Waited
            seconds={largest(waiting.map(({ oldestWaitingSeconds }) => oldestWaitingSeconds))}
            backlog={sum(waiting.map(({ backlog }) => backlog))}
          />
        </Figure>
        <Figure name={t('deadLetters')} kind={(sum(letters) ?? 0) > 0 ? 'warning' : undefined}>
          <a href="/dead-letters">
            <Count value={sum(letters)} />
          </a>
        </Figure>
      </Figures>
      <Flows flows={flows} />
      <div class="columns">
        <Destinations destinations={destinations} />
        <Zones zones={zones} />
      </div>
    </>
  );
}

function AlarmStrip({ alarms }: { alarms: NonNullable<Overview['alarms']> }): JSX.Element {
  const { t } = useLanguage();
  const silenced = alarms.silenced > 0 && ` · ${t('alarmsSilenced', { count: alarms.silenced })}`;
  if (alarms.firing === 0) {
    return (
      <p class="strip">
        <Icon name="good" />
        <span>
          {t('noAlarms')}
          {silenced}
        </span>
      </p>
    );
  }
  return (
    <p class="strip bad">
      <Icon name="bad" />
      <span>
        <strong>{t('alarmsFiring', { count: alarms.firing })}</strong>
        {silenced}
      </span>
      <a href="/alarms">{t('showAlarms')}</a>
    </p>
  );
}

function Flows({ flows }: { flows: readonly FlowSummary[] }): JSX.Element {
  const { t } = useLanguage();
  const [name, setName] = useState('');
  const [onlyTrouble, setOnlyTrouble] = useState(false);
  const shown = troubledFirst(flows).filter(
    (flow) => flow.name.includes(name.trim().toLowerCase()) && (!onlyTrouble || isTroubled(flow)),
  );
  if (flows.length === 0) {
    return (
      <Section title={t('flows')}>
        <Empty title={t('noFlows')}>{t('noFlowsText')}</Empty>
      </Section>
    );
  }
  return (
    <Section title={t('flows')} beside={<p class="beside">{t('flowCount', { count: shown.length })}</p>}>
      {flows.length >= MANY && (
        <div class="filters">
          <label class="field">
            {t('findFlow')}
            <input
              type="search"
              value={name}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={onlyTrouble}
              onChange={(event) => setOnlyTrouble(event.currentTarget.checked)}
            />
            {t('onlyTrouble')}
          </label>
        </div>
      )}
      {shown.length === 0 ? (
        <Empty title={t('noFlowMatches')} />
      ) : (
        <table class="cards live flows">
          <caption class="hidden">{t('flowsCaption')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('flow')}</th>
              <th scope="col">{t('workersByZone')}</th>
              <NumberHead text={t('received')} />
              <NumberHead text={t('delivered')} />
              <NumberHead text={t('errorRate')} />
              <NumberHead text={t('waiting')} />
              <NumberHead text={t('oldestWaiting')} />
              <NumberHead text={t('deadLetters')} />
              <th scope="col">{t('lastReceived')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((flow) => (
              <FlowRow key={flow.name} flow={flow} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

/** Heads a column of numbers. */
function NumberHead({ text }: { text: string }): JSX.Element {
  return (
    <th scope="col" class="number">
      {text}
    </th>
  );
}

function FlowRow({ flow }: { flow: FlowSummary }): JSX.Element {
  const { t } = useLanguage();
  const health = flowHealth(flow);
  return (
    <tr>
      <th scope="row">
        <a class="name" href={`/flows/${flow.name}`}>
          {flow.name}
        </a>
        <Mark kind={health} text={t(HEALTH_TEXT[health])} />
      </th>
      <td data-label={t('workersByZone')}>
        <WorkersByZone workers={flow.workers} />
      </td>
      <td class="number" data-label={t('received')}>
        <Rate value={flow.receivedPerSecond} />
      </td>
      <td class="number" data-label={t('delivered')}>
        <Rate value={flow.deliveredPerSecond} />
      </td>
      <td class={emphasis((flow.errorRate ?? 0) > 0)} data-label={t('errorRate')}>
        <Share value={flow.errorRate} />
      </td>
      <td class="number" data-label={t('waiting')}>
        {flow.backlog === null ? '–' : <Count value={flow.backlog} />}
      </td>
      <td class="number" data-label={t('oldestWaiting')}>
        {flow.backlog === null ? '–' : <Waited seconds={flow.oldestWaitingSeconds} backlog={flow.backlog} />}
      </td>
      <td class={emphasis((flow.deadLetters ?? 0) > 0)} data-label={t('deadLetters')}>
        <DeadLetterCount of={flow.name} count={flow.deadLetters} />
      </td>
      <td data-label={t('lastReceived')}>
        {flow.lastReceivedAt === null ? '–' : <Lately at={flow.lastReceivedAt} />}
      </td>
    </tr>
  );
}

/** For each zone how many of its workers can do their work. */
export function WorkersByZone({ workers }: { workers: readonly WorkerSummary[] }): JSX.Element {
  return (
    <ul class="marks">
      {byZone(workers).map(([zone, of]) => (
        <li key={zone}>
          <Mark kind={zoneHealth(of)} text={zoneText(zone, of)} />
        </li>
      ))}
    </ul>
  );
}

function zoneText(zone: string, workers: readonly WorkerSummary[]): string {
  const figures = `${workers.filter(isAtWork).length}/${workers.length}`;
  return zone === '' ? figures : `${zone} ${figures}`;
}

function DeadLetterCount({ of, count }: { of: string; count: number | null }): JSX.Element {
  if (count === null || count === 0) return <Count value={count} />;
  return (
    <a href={`/dead-letters?of=${of}`}>
      <Count value={count} />
    </a>
  );
}

function Destinations({ destinations }: { destinations: readonly DestinationSummary[] }): JSX.Element {
  const { t } = useLanguage();
  return (
    <Section title={t('destinations')}>
      <table class="cards live">
        <caption class="hidden">{t('destinations')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('destination')}</th>
            <NumberHead text={t('sent')} />
            <NumberHead text={t('refused')} />
            <NumberHead text={t('waiting')} />
            <NumberHead text={t('oldestWaiting')} />
            <NumberHead text={t('deadLetters')} />
          </tr>
        </thead>
        <tbody>
          {destinations.map((destination) => (
            <tr key={destination.name}>
              <th scope="row">
                <span class="name">{destination.name}</span>
                <Mark kind={destinationHealth(destination)} text={t(destinationText(destination))} />
                {destination.throttlePerMinute !== undefined && (
                  <span class="note">{t('throttle', { count: destination.throttlePerMinute })}</span>
                )}
              </th>
              <td class="number" data-label={t('sent')}>
                <Rate value={destination.sentPerSecond} />
              </td>
              <td class={emphasis((destination.refusedPerSecond ?? 0) > 0)} data-label={t('refused')}>
                <Rate value={destination.refusedPerSecond} />
              </td>
              <td class="number" data-label={t('waiting')}>
                <Count value={destination.backlog} />
              </td>
              <td class="number" data-label={t('oldestWaiting')}>
                <Waited seconds={destination.oldestWaitingSeconds} backlog={destination.backlog} />
              </td>
              <td class={emphasis((destination.deadLetters ?? 0) > 0)} data-label={t('deadLetters')}>
                <DeadLetterCount of={destination.name} count={destination.deadLetters} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function destinationText(destination: DestinationSummary): TextKey {
  if (destination.reachable === false) return 'unreachableDestination';
  const health = destinationHealth(destination);
  return health === 'good' ? 'reachable' : HEALTH_TEXT[health];
}

function Zones({ zones }: { zones: readonly ZoneSummary[] }): JSX.Element {
  const { t } = useLanguage();
  return (
    <Section title={t('zones')}>
      <table class="cards live">
        <caption class="hidden">{t('zones')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('zone')}</th>
            <th scope="col">{t('state')}</th>
            <NumberHead text={t('brokers')} />
          </tr>
        </thead>
        <tbody>
          {zones.map(({ name, brokers, redundant }) => (
            <tr key={name}>
              <th scope="row">{name === '' ? t('noZone') : name}</th>
              <td data-label={t('state')}>
                <Mark kind={redundant ? 'good' : 'bad'} text={t(redundant ? 'redundant' : 'notRedundant')} />
              </td>
              <td class="number" data-label={t('brokers')}>
                {brokers.filter(({ up }) => up).length}/{brokers.length}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function emphasis(isTrouble: boolean): string {
  return isTrouble ? 'number trouble' : 'number';
}

/** Of what is known; null where nothing is. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 && values.length > 0 ? null : known.reduce((total, value) => total + value, 0);
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
