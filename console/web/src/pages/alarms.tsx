import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Alarm, AlarmOverride, Alarms, EndOverride, SilenceAlarm, TuneAlarm } from '../api.js';
import { useAsked } from '../asked.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { moment } from '../language/numbers-and-times.js';
import { useLive } from '../live.js';
import { Dialog, WhyField } from '../parts/dialog.js';
import { Moment } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { Empty, Failure, Shown } from '../parts/states.js';
import { post, type RequestError } from '../request.js';
import { hasRole, useSession } from '../session.js';

type Override = NonNullable<Alarm['override']>['kind'];

export function AlarmsPage(): JSX.Element {
  const { t } = useLanguage();
  const { alarmChanges } = useLive();
  const mayChange = hasRole(useSession(), 'operator');
  const asked = useAsked<Alarms>('/api/alarms', [alarmChanges]);
  const [open, setOpen] = useState<{ alarm: Alarm; kind: Override }>();
  const [ending, setEnding] = useState<AlarmOverride>();
  // What was opened is closed once it is done, and what has come of it is asked for.
  const done = (): void => {
    setOpen(undefined);
    setEnding(undefined);
    asked.reload();
  };
  return (
    <Page title={t('alarms')} lead={t('alarmsHint')}>
      {!mayChange && <p class="hint">{t('alarmAskOperator')}</p>}
      <Shown asked={asked}>
        {({ alarms, overrides }) => {
          const isSilenced = ({ override }: Alarm): boolean => override?.kind === 'silence';
          const groups: readonly [TextKey, Alarm[]][] = [
            ['firing', alarms.filter((alarm) => !isSilenced(alarm) && alarm.state === 'firing')],
            ['pending', alarms.filter((alarm) => !isSilenced(alarm) && alarm.state === 'pending')],
            ['silenced', alarms.filter(isSilenced)],
          ];
          return (
            <>
              {alarms.length === 0 && <Empty title={t('noAlarms')}>{t('noAlarmsText')}</Empty>}
              {groups.map(
                ([title, of]) =>
                  of.length > 0 && (
                    <Section key={title} title={t(title)} beside={<p class="beside">{of.length}</p>}>
                      <ul class="alarms">
                        {of.map((alarm) => (
                          <AlarmEntry
                            key={alarm.id}
                            alarm={alarm}
                            onOpen={mayChange ? (kind) => setOpen({ alarm, kind }) : undefined}
                          />
                        ))}
                      </ul>
                    </Section>
                  ),
              )}
              {overrides.length > 0 && (
                <Section title={t('overridesNow')} beside={<p class="beside">{overrides.length}</p>}>
                  <ul class="alarms">
                    {overrides.map((override) => (
                      <OverrideEntry
                        key={override.id}
                        override={override}
                        onEnd={mayChange ? () => setEnding(override) : undefined}
                      />
                    ))}
                  </ul>
                </Section>
              )}
            </>
          );
        }}
      </Shown>
      {open !== undefined && (
        <OverrideDialog
          alarm={open.alarm}
          kind={open.kind}
          onDone={done}
          onClose={() => setOpen(undefined)}
        />
      )}
      {ending !== undefined && (
        <EndDialog override={ending} onDone={done} onClose={() => setEnding(undefined)} />
      )}
    </Page>
  );
}

function AlarmEntry(props: { alarm: Alarm; onOpen: ((kind: Override) => void) | undefined }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const { alarm, onOpen } = props;
  const { of, override, severity } = alarm;
  const address = { IntegrationFlow: `/flows/${of.name}`, Destination: '/', Hub: '/' }[of.kind];
  return (
    <li>
      <p class="entry-head">
        <Mark
          kind={severity === 'Critical' ? 'bad' : 'warning'}
          text={t(severity === 'Critical' ? 'severityCritical' : 'severityWarning')}
        />
        <a href={address}>{of.name}</a>
        <code>{alarm.alert}</code>
        <span class="hint">
          {t('firingSince')} <Moment at={alarm.since} />
        </span>
      </p>
      <p class="sentence" lang="en">
        {alarm.sentence}
      </p>
      <p>
        <strong>{t('whatToDo')}:</strong> <span lang="en">{alarm.whatToDo}</span>
      </p>
      {override !== undefined && (
        <p class="notice">
          <OverrideSentence override={override} />
        </p>
      )}
      {onOpen !== undefined && (
        <div class="row-actions">
          <button type="button" onClick={() => onOpen('silence')}>
            {t('silence')} <span class="hidden">{`${of.name} ${alarm.alert}`}</span>
          </button>
          {Object.keys(alarm.limits).length > 0 && (
            <button type="button" onClick={() => onOpen('tune')}>
              {t('tune')} <span class="hidden">{`${of.name} ${alarm.alert}`}</span>
            </button>
          )}
        </div>
      )}
    </li>
  );
}

/** Until when, by whom and why. */
function OverrideSentence(props: {
  override: Pick<AlarmOverride, 'kind' | 'until' | 'by' | 'why'>;
}): JSX.Element {
  const { t } = useLanguage();
  const { kind, until, by, why } = props.override;
  const time = moment(new Date(until));
  return <>{t(kind === 'silence' ? 'silencedUntil' : 'tunedUntil', { time, who: by, why })}</>;
}

/** The alerts that it is of. */
function named({ alerts }: AlarmOverride, all: string): JSX.Element {
  return alerts.length === 0 ? <span>{all}</span> : <code>{alerts.join(', ')}</code>;
}

/** Who has silenced or tuned what, whether it is an alarm now or not. */
function OverrideEntry(props: { override: AlarmOverride; onEnd: (() => void) | undefined }): JSX.Element {
  const { t } = useLanguage();
  const { override, onEnd } = props;
  const { of, alerts } = override;
  const what = alerts.length === 0 ? t('allAlerts') : alerts.join(', ');
  return (
    <li>
      <p class="entry-head">
        <strong>{of.name}</strong>
        {named(override, t('allAlerts'))}
      </p>
      <p class="sentence">
        <OverrideSentence override={override} />
      </p>
      {onEnd !== undefined && (
        <div class="row-actions">
          <button type="button" onClick={onEnd}>
            {t('endNow')} <span class="hidden">{`${of.name} ${what}`}</span>
          </button>
        </div>
      )}
    </li>
  );
}

const LIMITS: Readonly<Record<string, TextKey>> = {
  above: 'limitAbove',
  after: 'limitAfter',
  for: 'limitFor',
};

const ENDS: readonly [text: TextKey, end: (now: Date) => Date][] = [
  ['oneHour', (now) => new Date(now.getTime() + 3_600_000)],
  ['fourHours', (now) => new Date(now.getTime() + 4 * 3_600_000)],
  ['untilTomorrow', (now) => morning(now, 1)],
  // Sunday is 0: from a Monday on the next one is meant.
  ['untilMonday', (now) => morning(now, (8 - now.getDay()) % 7 || 7)],
];

/** 08:00 of a day to come, in the reader's time zone. */
function morning(now: Date, days: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 8);
}

/** Posts what was asked for, once at a time, and keeps what the server has refused. */
function usePost(onDone: () => void): {
  readonly error: RequestError | undefined;
  readonly isWorking: boolean;
  readonly send: (path: string, body: unknown) => void;
} {
  const [error, setError] = useState<RequestError>();
  const [isWorking, setWorking] = useState(false);
  const send = (path: string, body: unknown): void => {
    setWorking(true);
    setError(undefined);
    post(path, body)
      .then(onDone)
      .catch((refused: unknown) => {
        setError(refused as RequestError);
        setWorking(false);
      });
  };
  return { error, isWorking, send };
}

function EndDialog(props: { override: AlarmOverride; onDone: () => void; onClose: () => void }): JSX.Element {
  const { t } = useLanguage();
  const { override } = props;
  const [why, setWhy] = useState('');
  const { error, isWorking, send } = usePost(props.onDone);
  const end: EndOverride = { why };
  return (
    <Dialog
      title={t('endTitle')}
      action={t('doEnd')}
      isWorking={isWorking}
      onAction={() => send(`/api/alarm-overrides/${encodeURIComponent(override.id)}/end`, end)}
      onClose={props.onClose}
    >
      <p>
        <strong>{override.of.name}</strong> {named(override, t('allAlerts'))}
      </p>
      <p>{t('endWhat')}</p>
      <WhyField value={why} onInput={setWhy} />
      {error !== undefined && <Failure error={error} />}
    </Dialog>
  );
}

function OverrideDialog(props: {
  alarm: Alarm;
  kind: Override;
  onDone: () => void;
  onClose: () => void;
}): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const { alarm, kind } = props;
  const [end, setEnd] = useState(0);
  const [why, setWhy] = useState('');
  const [limits, setLimits] = useState(alarm.limits);
  const { error, isWorking, send } = usePost(props.onDone);
  const until = ENDS[end]![1](new Date());

  const change = (): void => {
    const silence: SilenceAlarm = { until: until.toISOString(), why };
    const tune: TuneAlarm = { ...silence, limits };
    send(`/api/alarms/${encodeURIComponent(alarm.id)}/${kind}`, kind === 'tune' ? tune : silence);
  };
  return (
    <Dialog
      title={t(kind === 'silence' ? 'silenceTitle' : 'tuneTitle')}
      action={t(kind === 'silence' ? 'doSilence' : 'doTune')}
      isWorking={isWorking}
      onAction={change}
      onClose={props.onClose}
    >
      <p>
        <strong>{alarm.of.name}</strong> <code>{alarm.alert}</code>
      </p>
      <p>{t(kind === 'silence' ? 'silenceWhat' : 'tuneWhat')}</p>
      {kind === 'tune' &&
        Object.entries(limits).map(([name, value]) => (
          <label key={name} class="field">
            {t(LIMITS[name] ?? 'limitAbove')}
            <input
              type={typeof value === 'number' ? 'number' : 'text'}
              required
              min={0}
              value={value}
              onInput={({ currentTarget: { value: text } }) =>
                setLimits({ ...limits, [name]: typeof value === 'number' ? Number(text) : text })
              }
            />
          </label>
        ))}
      <label class="field">
        {t('forHowLong')}
        <select value={end} onChange={(event) => setEnd(Number(event.currentTarget.value))}>
          {ENDS.map(([text], index) => (
            <option key={text} value={index}>
              {t(text)}
            </option>
          ))}
        </select>
      </label>
      <p class="hint">
        {t('until')} {moment(until)}
      </p>
      <WhyField value={why} onInput={setWhy} />
      {error !== undefined && <Failure error={error} />}
    </Dialog>
  );
}
