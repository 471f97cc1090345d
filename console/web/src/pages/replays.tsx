import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ChangeReplay, PreviewReplay, Replay, ReplayPreview, Replays, StartReplay } from '../api.js';
import { useAsked } from '../asked.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { wholeNumber } from '../language/numbers-and-times.js';
import { useLive } from '../live.js';
import { Dialog, WhyField } from '../parts/dialog.js';
import type { IconName } from '../parts/icon.js';
import { Moment } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { type Criteria, NOTHING_ASKED, searchOf, SearchFields } from '../parts/search-fields.js';
import { ArchiveOff, Empty, Failure, Shown } from '../parts/states.js';
import { post, type RequestError } from '../request.js';
import { hasRole, useSession } from '../session.js';

/** How often the progress is looked at while a replay runs, in milliseconds. */
const LOOK_AGAIN = 2_000;

export function ReplaysPage(): JSX.Element {
  const { t } = useLanguage();
  const { overview } = useLive();
  if (overview?.archive === false) {
    return (
      <Page title={t('replays')}>
        <ArchiveOff text={t('archiveOffReplays')} />
      </Page>
    );
  }
  return (
    <Page title={t('replays')} lead={t('replaysHint')}>
      <AllReplays />
    </Page>
  );
}

function AllReplays(): JSX.Element {
  const { t } = useLanguage();
  const mayReplay = hasRole(useSession(), 'operator');
  const asked = useAsked<Replays>('/api/replays');
  const isRunning = asked.value?.replays.some(({ state }) => state === 'running') ?? false;
  const { reload } = asked;
  useEffect(() => {
    if (!isRunning) return undefined;
    const again = setInterval(reload, LOOK_AGAIN);
    return () => clearInterval(again);
  }, [isRunning, reload]);
  return (
    <>
      {mayReplay ? <NewReplay onStarted={reload} /> : <p class="hint">{t('replayAskOperator')}</p>}
      <Shown asked={asked}>
        {({ replays }) =>
          replays.length === 0 ? (
            <Empty title={t('noReplays')}>{t('noReplaysText')}</Empty>
          ) : (
            <Section title={t('replays')}>
              <ul class="entries">
                {replays.map((replay) => (
                  <ReplayEntry key={replay.id} replay={replay} mayChange={mayReplay} onChanged={reload} />
                ))}
              </ul>
            </Section>
          )
        }
      </Shown>
    </>
  );
}

const STATES: Readonly<Record<Replay['state'], [text: TextKey, icon: IconName]>> = {
  running: ['phaseRunning', 'good'],
  paused: ['phasePaused', 'silent'],
  completed: ['phaseCompleted', 'good'],
  cancelled: ['phaseCancelled', 'silent'],
  failed: ['phaseFailed', 'bad'],
};

function ReplayEntry(props: { replay: Replay; mayChange: boolean; onChanged: () => void }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const { replay, onChanged } = props;
  const [error, setError] = useState<RequestError>();
  const [isCancelling, setCancelling] = useState(false);
  const [text, icon] = STATES[replay.state];
  const isOpen = replay.state === 'running' || replay.state === 'paused';
  const progress = t('progressOf', {
    done: wholeNumber(replay.done, language),
    total: wholeNumber(replay.total, language),
  });
  const turn = (action: 'pause' | 'resume'): void => {
    setError(undefined);
    change(replay, action, '').then(onChanged, (refused: unknown) => setError(refused as RequestError));
  };
  return (
    <li>
      <p class="entry-head">
        <Mark kind={icon} text={t(text)} />
        <Moment at={replay.createdAt} />
        <span>{replay.who}</span>
      </p>
      <p>{replay.reason}</p>
      <p class="hint">
        {t(replay.stage === 'received' ? 'stageReceived' : 'stageOutbound')}
        {replay.toDestination !== '' && <> · {replay.toDestination}</>} ·{' '}
        {replay.perSecond === null ? t('asFast') : t('perSecond', { value: replay.perSecond })}
      </p>
      <div class="progress">
        <progress max={Math.max(1, replay.total)} value={replay.done} aria-label={t('progress')} />
        <span>{progress}</span>
      </div>
      {replay.leftOut > 0 && <p class="hint">{t('notReplayable', { count: replay.leftOut })}</p>}
      {replay.error !== '' && <p lang="en">{replay.error}</p>}
      {error !== undefined && <Failure error={error} />}
      {isOpen && props.mayChange && (
        <div class="row-actions">
          <button type="button" onClick={() => turn(replay.state === 'running' ? 'pause' : 'resume')}>
            {t(replay.state === 'running' ? 'pause' : 'resume')}
          </button>
          <button type="button" onClick={() => setCancelling(true)}>
            {t('cancelReplay')}
          </button>
        </div>
      )}
      {isCancelling && (
        <CancelDialog
          replay={replay}
          onDone={() => {
            setCancelling(false);
            onChanged();
          }}
          onClose={() => setCancelling(false)}
        />
      )}
    </li>
  );
}

function change(replay: Replay, action: 'pause' | 'resume' | 'cancel', reason: string): Promise<Replay> {
  const body: ChangeReplay = { reason };
  return post<Replay>(`/api/replays/${replay.id}/${action}`, body);
}

function CancelDialog(props: { replay: Replay; onDone: () => void; onClose: () => void }): JSX.Element {
  const { t } = useLanguage();
  const [why, setWhy] = useState('');
  const [error, setError] = useState<RequestError>();
  const [isWorking, setWorking] = useState(false);
  const cancel = (): void => {
    setWorking(true);
    change(props.replay, 'cancel', why).then(props.onDone, (refused: unknown) => {
      setError(refused as RequestError);
      setWorking(false);
    });
  };
  return (
    <Dialog
      title={t('cancelReplayTitle')}
      action={t('cancelReplayTitle')}
      isDangerous
      isWorking={isWorking}
      onAction={cancel}
      onClose={props.onClose}
    >
      <p>{t('cancelReplayWhat')}</p>
      <WhyField value={why} onInput={setWhy} />
      {error !== undefined && <Failure error={error} />}
    </Dialog>
  );
}

/** Choose, look at the preview, say why, run. Whatever is changed in the choice takes the preview away. */
function NewReplay({ onStarted }: { onStarted: () => void }): JSX.Element {
  const { t } = useLanguage();
  const { overview } = useLive();
  const [criteria, setCriteria] = useState(NOTHING_ASKED);
  const [stage, setStage] = useState<PreviewReplay['stage']>('received');
  const [toDestination, setToDestination] = useState('');
  const [preview, setPreview] = useState<{ of: PreviewReplay; is: ReplayPreview }>();
  const [error, setError] = useState<RequestError>();
  const [isWorking, setWorking] = useState(false);
  const [isOpen, setOpen] = useState(false);

  const choose = (part: Partial<Criteria>): void => {
    setCriteria((now) => ({ ...now, ...part }));
    setPreview(undefined);
  };
  const look = (): void => {
    const of: PreviewReplay = {
      messages: searchOf(criteria),
      stage,
      ...(stage === 'outbound' && toDestination !== '' && { toDestination }),
    };
    setWorking(true);
    setError(undefined);
    post<ReplayPreview>('/api/replays/preview', of)
      .then((is) => setPreview({ of, is }))
      .catch((refused: unknown) => setError(refused as RequestError))
      .finally(() => setWorking(false));
  };
  const started = (): void => {
    setPreview(undefined);
    setCriteria(NOTHING_ASKED);
    setOpen(false);
    onStarted();
  };
  return (
    <section class="card">
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <h2>{t('newReplay')}</h2>
        </summary>
        <form
          class="search"
          method="post"
          autocomplete="off"
          onSubmit={(event) => {
            event.preventDefault();
            look();
          }}
        >
          <SearchFields criteria={criteria} onChange={choose} />
          <div class="form-grid">
            <label class="field">
              {t('fromStage')}
              <select
                value={stage}
                onChange={(event) => {
                  setStage(event.currentTarget.value as PreviewReplay['stage']);
                  setPreview(undefined);
                }}
              >
                <option value="received">{t('stageReceived')}</option>
                <option value="outbound">{t('stageOutbound')}</option>
              </select>
            </label>
            {stage === 'outbound' && (
              <label class="field">
                {t('target')}
                <select
                  value={toDestination}
                  onChange={(event) => {
                    setToDestination(event.currentTarget.value);
                    setPreview(undefined);
                  }}
                >
                  <option value="">{t('sameDestination')}</option>
                  {overview?.destinations.map(({ name }) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              </label>
            )}
          </div>
          <div class="form-foot">
            <button type="submit" disabled={isWorking}>
              {isWorking ? t('working') : t('preview')}
            </button>
          </div>
        </form>
        {error !== undefined && <Failure error={error} onAgain={look} />}
        <div role="status">
          {preview !== undefined && <Preview of={preview.of} is={preview.is} onStarted={started} />}
        </div>
      </details>
    </section>
  );
}

function Preview(props: { of: PreviewReplay; is: ReplayPreview; onStarted: () => void }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const { of, is, onStarted } = props;
  const [id] = useState(() => crypto.randomUUID());
  const [why, setWhy] = useState('');
  const [perSecond, setPerSecond] = useState('');
  const [error, setError] = useState<RequestError>();
  const [isWorking, setWorking] = useState(false);
  const run = (): void => {
    const start: StartReplay = {
      ...of,
      id,
      reason: why,
      ...(perSecond !== '' && { perSecond: Number(perSecond) }),
    };
    setWorking(true);
    setError(undefined);
    post<Replay>('/api/replays', start).then(onStarted, (refused: unknown) => {
      setError(refused as RequestError);
      setWorking(false);
    });
  };
  return (
    <div class="notice">
      <h3>{t('previewTitle')}</h3>
      <dl class="facts">
        <dt>{t('messages')}</dt>
        <dd>{wholeNumber(is.total, language)}</dd>
        {is.firstAt !== null && (
          <>
            <dt>{t('first')}</dt>
            <dd>
              <Moment at={is.firstAt} withMilliseconds />
            </dd>
          </>
        )}
        {is.lastAt !== null && (
          <>
            <dt>{t('last')}</dt>
            <dd>
              <Moment at={is.lastAt} withMilliseconds />
            </dd>
          </>
        )}
        <dt>{t('flows')}</dt>
        <dd>
          {Object.entries(is.flows)
            .map(([flow, count]) => `${flow} (${wholeNumber(count, language)})`)
            .join(', ')}
        </dd>
        <dt>{t('target')}</dt>
        <dd>
          {of.toDestination ?? t('sameDestination')} ·{' '}
          {t(of.stage === 'received' ? 'stageReceived' : 'stageOutbound')}
        </dd>
      </dl>
      {is.leftOut > 0 && <p>{t('notReplayable', { count: is.leftOut })}</p>}
      {is.total === 0 ? (
        <p>{t('nothingToReplay')}</p>
      ) : (
        <form
          method="post"
          autocomplete="off"
          onSubmit={(event) => {
            event.preventDefault();
            run();
          }}
        >
          <label class="field">
            <span>
              {t('ratePerSecond')} <span class="hint">{t('optional')}</span>
            </span>
            <input
              type="number"
              min={1}
              max={100_000}
              value={perSecond}
              onInput={(event) => setPerSecond(event.currentTarget.value)}
            />
          </label>
          <WhyField value={why} onInput={setWhy} />
          {error !== undefined && <Failure error={error} />}
          <div class="form-foot">
            <button type="submit" class="primary" disabled={isWorking}>
              {isWorking ? t('working') : t('run')}
            </button>
          </div>
        </form>
      )}
    </div>
  );
}
