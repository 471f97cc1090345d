import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Audit, AuditRecord } from '../api.js';
import { useAsked } from '../asked.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { Moment } from '../parts/known.js';
import { Page, Section } from '../parts/page.js';
import { Empty, Failure, Shown } from '../parts/states.js';
import { get, RequestError } from '../request.js';
import { hasRole, useSession } from '../session.js';

const ACTIONS: Readonly<Record<AuditRecord['action'], TextKey>> = {
  login: 'actionLogin',
  logout: 'actionLogout',
  'content-read': 'actionContentRead',
  'searched-patient': 'actionSearchedPatient',
  'dead-letters-replayed': 'actionReplayedLetters',
  'dead-letters-dropped': 'actionDroppedLetters',
  'replay-started': 'actionReplayStarted',
  'replay-changed': 'actionReplayChanged',
  'alarm-silenced': 'actionAlarmSilenced',
  'alarm-tuned': 'actionAlarmTuned',
  'alarm-override-ended': 'actionOverrideEnded',
  refused: 'actionRefused',
};

export function AuditPage(): JSX.Element {
  const { t } = useLanguage();
  const isAllowed = hasRole(useSession(), 'administrator');
  return (
    <Page title={t('audit')} lead={isAllowed ? t('auditHint') : undefined}>
      {isAllowed ? <Log /> : <Empty title={t('noPermission')}>{t('noPermissionAudit')}</Empty>}
    </Page>
  );
}

function Log(): JSX.Element {
  const { t } = useLanguage();
  const asked = useAsked<Audit>('/api/audit');
  const [more, setMore] = useState<Audit>();
  const [moreError, setMoreError] = useState<RequestError>();
  const next = more === undefined ? asked.value?.next : more.next;
  const onMore = (): void => {
    setMoreError(undefined);
    get<Audit>(`/api/audit?after=${encodeURIComponent(next!)}`)
      .then((page) => setMore({ ...page, records: [...(more?.records ?? []), ...page.records] }))
      .catch((error: unknown) => setMoreError(error as RequestError));
  };
  return (
    <Shown asked={asked}>
      {({ records }) =>
        records.length === 0 ? (
          <Empty title={t('noAudit')} />
        ) : (
          <Section title={t('audit')}>
            <table class="cards">
              <caption class="hidden">{t('audit')}</caption>
              <thead>
                <tr>
                  <th scope="col">{t('time')}</th>
                  <th scope="col">{t('who')}</th>
                  <th scope="col">{t('action')}</th>
                  <th scope="col">{t('about')}</th>
                  <th scope="col">{t('why')}</th>
                </tr>
              </thead>
              <tbody>
                {[...records, ...(more?.records ?? [])].map((record, index) => (
                  <tr key={`${record.at} ${index}`}>
                    <th scope="row">
                      <Moment at={record.at} />
                    </th>
                    <td data-label={t('who')}>{record.who}</td>
                    <td data-label={t('action')}>{t(ACTIONS[record.action])}</td>
                    <td data-label={t('about')}>
                      {record.about.map((one) => (
                        <code key={one}>{one}</code>
                      ))}
                    </td>
                    <td data-label={t('why')}>{record.why ?? '–'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {moreError !== undefined && <Failure error={moreError} onAgain={onMore} />}
            {next !== undefined && (
              <p>
                <button type="button" onClick={onMore}>
                  {t('more')}
                </button>
              </p>
            )}
          </Section>
        )
      }
    </Shown>
  );
}
