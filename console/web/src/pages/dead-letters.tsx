import type { JSX } from 'preact';
import { useLocation } from 'preact-iso';
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetter, DeadLetters, HandledLetters } from '../api.js';
import { useAsked } from '../asked.js';
import { useLanguage } from '../language/language.js';
import { useLive } from '../live.js';
import { HandledNotice, HandleLetters, type Handling } from '../parts/handle-letters.js';
import { Moment } from '../parts/known.js';
import { Page, Section } from '../parts/page.js';
import { Empty, Shown } from '../parts/states.js';
import { get, type RequestError } from '../request.js';
import { hasRole, useSession } from '../session.js';

export function DeadLettersPage(): JSX.Element {
  const { t } = useLanguage();
  const { query, route } = useLocation();
  const { overview } = useLive();
  const { of = '', code = '' } = query;
  const [draft, setDraft] = useState(code);
  const filter = (wanted: { of: string; code: string }): void => {
    const given = Object.entries(wanted).filter(([, value]) => value !== '');
    const search = new URLSearchParams(given).toString();
    route(search === '' ? '/dead-letters' : `/dead-letters?${search}`);
  };
  const owners = [...(overview?.flows ?? []), ...(overview?.destinations ?? [])].map(({ name }) => name);
  const names = of === '' || owners.includes(of) ? owners : [of, ...owners];
  return (
    <Page title={t('deadLetters')} lead={t('deadLettersHint')}>
      <form
        class="filters"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          filter({ of, code: draft.trim() });
        }}
      >
        <label class="field">
          {t('of')}
          <select value={of} onChange={(event) => filter({ of: event.currentTarget.value, code })}>
            <option value="">{t('ofAny')}</option>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label class="field">
          {t('code')}
          <input
            type="text"
            value={draft}
            maxLength={64}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
        </label>
        <button type="submit">{t('filter')}</button>
      </form>
      <Letters key={`${of} ${code}`} of={of} code={code} />
    </Page>
  );
}

function Letters({ of, code }: { of: string; code: string }): JSX.Element {
  const { t } = useLanguage();
  const mayHandle = hasRole(useSession(), 'operator');
  const search = new URLSearchParams(Object.entries({ of, code }).filter(([, value]) => value !== ''));
  const path = `/api/dead-letters?${search.toString()}`;
  const asked = useAsked<DeadLetters>(path);
  const [more, setMore] = useState<DeadLetters>();
  const [moreError, setMoreError] = useState<RequestError>();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [handling, setHandling] = useState<Handling>();
  const [result, setResult] = useState<{ handling: Handling; handled: HandledLetters }>();
  // A new first page makes the further ones old.
  useEffect(() => setMore(undefined), [asked.value]);

  const shown = [...(asked.value?.deadLetters ?? []), ...(more?.deadLetters ?? [])];
  const next = more === undefined ? asked.value?.next : more.next;
  const letters = shown.filter(({ id }) => chosen.has(id));
  const onMore = (): void => {
    setMoreError(undefined);
    get<DeadLetters>(`${path}&after=${encodeURIComponent(next!)}`)
      .then((page) => setMore({ ...page, deadLetters: [...(more?.deadLetters ?? []), ...page.deadLetters] }))
      .catch((error: unknown) => setMoreError(error as RequestError));
  };
  const onDone = (handled: HandledLetters): void => {
    setResult({ handling: handling!, handled });
    setHandling(undefined);
    setChosen(new Set());
    asked.reload();
  };
  const choose = (id: string, isChosen: boolean): void => {
    const changed = new Set(chosen);
    if (isChosen) changed.add(id);
    else changed.delete(id);
    setChosen(changed);
  };
  return (
    <>
      {result !== undefined && <HandledNotice {...result} />}
      <Shown asked={{ ...asked, error: moreError ?? asked.error }}>
        {({ total }) =>
          shown.length === 0 ? (
            <Empty title={t(of === '' && code === '' ? 'noDeadLetters' : 'noDeadLetterMatches')}>
              {of === '' && code === '' ? t('noDeadLettersText') : undefined}
            </Empty>
          ) : (
            <Section
              title={t('letters', { count: total })}
              beside={
                <button type="button" disabled={asked.isLoading} onClick={asked.reload}>
                  {t('refresh')}
                </button>
              }
            >
              {!mayHandle && <p class="hint">{t('operatorsOnly')}</p>}
              <table class="cards choosing">
                <caption class="hidden">{t('deadLetters')}</caption>
                <thead>
                  <tr>
                    {mayHandle && (
                      <td>
                        <input
                          type="checkbox"
                          aria-label={t('chooseAll')}
                          checked={letters.length === shown.length}
                          onChange={(event) =>
                            setChosen(new Set(event.currentTarget.checked ? shown.map(({ id }) => id) : []))
                          }
                        />
                      </td>
                    )}
                    <th scope="col">{t('controlId')}</th>
                    <th scope="col">{t('reason')}</th>
                    <th scope="col">{t('of')}</th>
                    <th scope="col">{t('messageType')}</th>
                    <th scope="col">{t('setAside')}</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((letter) => (
                    <LetterRow
                      key={letter.id}
                      letter={letter}
                      isChosen={chosen.has(letter.id)}
                      onChoose={mayHandle ? (isChosen) => choose(letter.id, isChosen) : undefined}
                    />
                  ))}
                </tbody>
              </table>
              {next !== undefined && (
                <p>
                  <button type="button" onClick={onMore}>
                    {t('more')}
                  </button>
                </p>
              )}
              {mayHandle && (
                <div class="toolbar">
                  <p role="status">{t('chosen', { count: letters.length })}</p>
                  <button
                    type="button"
                    class="primary"
                    disabled={letters.length === 0}
                    onClick={() => setHandling('replay')}
                  >
                    {t('replay')}
                  </button>
                  <button type="button" disabled={letters.length === 0} onClick={() => setHandling('drop')}>
                    {t('drop')}
                  </button>
                </div>
              )}
            </Section>
          )
        }
      </Shown>
      {handling !== undefined && (
        <HandleLetters
          handling={handling}
          letters={letters}
          onDone={onDone}
          onClose={() => setHandling(undefined)}
        />
      )}
    </>
  );
}

function LetterRow(props: {
  letter: DeadLetter;
  isChosen: boolean;
  onChoose: ((isChosen: boolean) => void) | undefined;
}): JSX.Element {
  const { t } = useLanguage();
  const { letter, isChosen, onChoose } = props;
  const name = letter.controlId === '' ? letter.id : letter.controlId;
  return (
    <tr class={isChosen ? 'chosen' : undefined}>
      {onChoose !== undefined && (
        <td>
          <input
            type="checkbox"
            aria-label={t('choose', { name })}
            checked={isChosen}
            onChange={(event) => onChoose(event.currentTarget.checked)}
          />
        </td>
      )}
      <th scope="row">
        <a href={`/dead-letters/${letter.id}`} class="id">
          {name}
        </a>
        <LetterTags letter={letter} />
      </th>
      <td data-label={t('reason')}>
        <code>{letter.code}</code> <span lang="en">{letter.sentence}</span>
      </td>
      <td data-label={t('of')}>{letter.of}</td>
      <td data-label={t('messageType')}>{letter.type === '' ? t('unknown') : letter.type}</td>
      <td data-label={t('setAside')}>
        <Moment at={letter.at} />
      </td>
    </tr>
  );
}

/** What is special about a letter. */
export function LetterTags({ letter }: { letter: DeadLetter }): JSX.Element {
  const { t } = useLanguage();
  return (
    <>
      {letter.rejected && (
        <span class="tag" title={t('rejectedHint')}>
          {t('rejectedMark')}
        </span>
      )}
      {letter.truncated && (
        <span class="tag" title={t('truncatedHint')}>
          {t('truncatedMark')}
        </span>
      )}
    </>
  );
}
