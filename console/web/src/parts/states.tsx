/** What a page shows when it has nothing to show: it waits, it failed, there is nothing, or one may not see it. */
import type { ComponentChildren, JSX } from 'preact';
import type { Asked } from '../asked.js';
import { useLanguage } from '../language/language.js';
import type { RequestError } from '../request.js';
import { Icon } from './icon.js';

export function Loading(): JSX.Element {
  const { t } = useLanguage();
  return (
    <p class="state loading" role="status">
      {t('loading')}
    </p>
  );
}

/** The server's own sentence, which is English, and a way to try again. */
export function Failure({
  error,
  onAgain,
}: {
  error: RequestError;
  onAgain?: (() => void) | undefined;
}): JSX.Element {
  const { t } = useLanguage();
  return (
    <div class="state failure" role="alert">
      <p class="state-title">
        <Icon name="bad" />
        {error.status === 403 ? t('noPermission') : t('failed')}
      </p>
      {error.message === '' ? (
        <p>{t('unreachable')}</p>
      ) : (
        <p lang="en">
          {error.message} <code>{error.code}</code>
        </p>
      )}
      {onAgain !== undefined && error.status !== 403 && (
        <button type="button" onClick={onAgain}>
          {t('tryAgain')}
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="state empty">
      <p class="state-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What the archive is for, and how it is turned on. */
export function ArchiveOff({ text }: { text?: string }): JSX.Element {
  const { t } = useLanguage();
  return (
    <div class="state empty">
      <p class="state-title">{t('archiveOff')}</p>
      {text !== undefined && <p>{text}</p>}
      <p>
        {t('archiveOffText')} <code>ihub up --archive</code>. {t('archiveOffCluster')}
      </p>
    </div>
  );
}

/** Shows what was asked for, or why it is not there. */
export function Shown<Answer>(props: {
  asked: Asked<Answer>;
  children: (value: Answer) => ComponentChildren;
}): JSX.Element {
  const { value, error, reload } = props.asked;
  return (
    <>
      {error !== undefined && <Failure error={error} onAgain={reload} />}
      {value !== undefined ? props.children(value) : error === undefined && <Loading />}
    </>
  );
}
