import type { JSX } from 'preact';
import { useLocation } from 'preact-iso';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FoundMessages, MessageSummary } from '../api.js';
import { useLanguage } from '../language/language.js';
import { wholeNumber } from '../language/numbers-and-times.js';
import { useLive } from '../live.js';
import type { IconName } from '../parts/icon.js';
import { Moment } from '../parts/known.js';
import { Mark } from '../parts/mark.js';
import { Page, Section } from '../parts/page.js';
import { ArchiveOff, Empty, Failure, Loading } from '../parts/states.js';
import { type Criteria, NOTHING_ASKED, searchOf, SearchFields } from '../parts/search-fields.js';
import { post, type RequestError } from '../request.js';

/**
 * The search before, for whoever comes back from a message. It is kept in the page's memory and nowhere else: an
 * identifier of a patient may be in it, so not in the address either.
 */
let former: { criteria: Criteria; found: FoundMessages | undefined } = {
  criteria: NOTHING_ASKED,
  found: undefined,
};

export function MessagesPage(): JSX.Element {
  const { t } = useLanguage();
  const { query } = useLocation();
  const { overview } = useLive();
  const [criteria, setCriteria] = useState(
    query.flow === undefined ? former.criteria : { ...NOTHING_ASKED, flow: query.flow },
  );
  const [found, setFound] = useState(query.flow === undefined ? former.found : undefined);
  const [asked, setAsked] = useState(former.criteria);
  const [error, setError] = useState<RequestError>();
  const [isLoading, setLoading] = useState(false);
  const latest = useRef(0);

  const search = (wanted: Criteria, before?: FoundMessages): void => {
    const round = (latest.current += 1);
    setLoading(true);
    setError(undefined);
    setAsked(wanted);
    if (before === undefined) setFound(undefined);
    post<FoundMessages>('/api/messages/search', {
      ...searchOf(wanted),
      ...(before?.next !== undefined && { after: before.next }),
    })
      .then((page) => {
        // An answer to an earlier search must not take the place of a later one's.
        if (round !== latest.current) return;
        const all = { ...page, messages: [...(before?.messages ?? []), ...page.messages] };
        former = { criteria: wanted, found: all };
        setFound(all);
      })
      .catch((refused: unknown) => {
        if (round === latest.current) setError(refused as RequestError);
      })
      .finally(() => {
        if (round === latest.current) setLoading(false);
      });
  };
  useEffect(() => {
    if (query.flow !== undefined) search(criteria);
  }, [query.flow]);

  if (overview?.archive === false) {
    return (
      <Page title={t('messages')}>
        <ArchiveOff />
      </Page>
    );
  }
  const change = (part: Partial<Criteria>): void => setCriteria((now) => ({ ...now, ...part }));
  return (
    <Page title={t('messages')} lead={t('searchHint')}>
      <SearchForm
        criteria={criteria}
        onChange={change}
        onSearch={() => search(criteria)}
        onClear={() => setCriteria(NOTHING_ASKED)}
      />
      {error !== undefined && <Failure error={error} onAgain={() => search(asked)} />}
      {isLoading && <Loading />}
      {found !== undefined && (
        <Found found={found} isLoading={isLoading} onMore={() => search(asked, found)} />
      )}
    </Page>
  );
}

function SearchForm(props: {
  criteria: Criteria;
  onChange: (part: Partial<Criteria>) => void;
  onSearch: () => void;
  onClear: () => void;
}): JSX.Element {
  const { t } = useLanguage();
  const { criteria, onChange } = props;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    // By POST, so that even a browser that sends the form itself puts nothing into the address.
    <form
      class="card search"
      method="post"
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSearch();
      }}
    >
      <SearchFields criteria={criteria} onChange={onChange} withOutcome />
      <div class="form-foot">
        <p class="hint">{t('timesLocal', { zone })}</p>
        <button type="button" onClick={props.onClear}>
          {t('clear')}
        </button>
        <button type="submit" class="primary">
          {t('search')}
        </button>
      </div>
    </form>
  );
}

function Found(props: { found: FoundMessages; isLoading: boolean; onMore: () => void }): JSX.Element {
  const language = useLanguage();
  const { t } = language;
  const { messages, next } = props.found;
  const count = t('resultCount', {
    count: messages.length,
    formatted: wholeNumber(messages.length, language),
  });
  return (
    <Section
      title={t('results')}
      beside={
        <p class="beside" role="status">
          {next === undefined ? count : `${count}, ${t('resultMore')}`}
        </p>
      }
    >
      {messages.length === 0 ? (
        <Empty title={t(next === undefined ? 'noResults' : 'noneSoFar')}>
          {t(next === undefined ? 'noResultsText' : 'noneSoFarText')}
        </Empty>
      ) : (
        <table class="cards">
          <caption class="hidden">{t('results')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('controlId')}</th>
              <th scope="col">{t('receivedAt')}</th>
              <th scope="col">{t('flow')}</th>
              <th scope="col">{t('messageType')}</th>
              <th scope="col">{t('sender')}</th>
              <th scope="col">{t('outcome')}</th>
            </tr>
          </thead>
          <tbody>
            {messages.map((message) => (
              <MessageRow key={message.correlationId} message={message} />
            ))}
          </tbody>
        </table>
      )}
      {next !== undefined && (
        <p>
          <button type="button" disabled={props.isLoading} onClick={props.onMore}>
            {t('more')}
          </button>
        </p>
      )}
    </Section>
  );
}

function MessageRow({ message }: { message: MessageSummary }): JSX.Element {
  const { t } = useLanguage();
  const { correlationId, controlId, receivedAt, flow, type, sendingApplication, outcome } = message;
  return (
    <tr>
      <th scope="row">
        <a href={`/messages/${correlationId}`} class="id">
          {controlId === '' ? correlationId : controlId}
        </a>
      </th>
      <td data-label={t('receivedAt')}>
        <Moment at={receivedAt} withMilliseconds />
      </td>
      <td data-label={t('flow')}>
        <a href={`/flows/${flow}`}>{flow}</a>
      </td>
      <td data-label={t('messageType')}>{type}</td>
      <td data-label={t('sender')}>{sendingApplication}</td>
      <td class="whole-row" data-label={t('outcome')}>
        <OutcomeMark outcome={outcome} />
      </td>
    </tr>
  );
}

/** The server says in English words what became of a message; the mark's shape goes by their beginning. */
export function OutcomeMark({ outcome }: { outcome: string }): JSX.Element {
  const kinds: readonly [RegExp, IconName][] = [
    [/^delivered/, 'good'],
    [/^dead letter/, 'bad'],
    [/^failed/, 'warning'],
  ];
  const kind = kinds.find(([beginning]) => beginning.test(outcome))?.[1] ?? 'silent';
  return (
    <span lang="en">
      <Mark kind={kind} text={outcome} />
    </span>
  );
}
