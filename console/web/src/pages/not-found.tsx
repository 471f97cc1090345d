import type { JSX } from 'preact';
import { useLanguage } from '../language/language.js';
import { Page } from '../parts/page.js';

export function NotFoundPage(): JSX.Element {
  const { t } = useLanguage();
  return (
    <Page title={t('notFound')} lead={t('notFoundText')}>
      <p>
        <a href="/">{t('overview')}</a>
      </p>
    </Page>
  );
}
