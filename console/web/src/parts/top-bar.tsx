import type { JSX } from 'preact';
import { useLocation } from 'preact-iso';
import { useEffect, useState } from 'preact/hooks';
import { type LanguageCode, type TextKey, useLanguage } from '../language/language.js';
import { useLive } from '../live.js';
import { chooseTheme, chosenTheme, type Theme } from '../preferences.js';
import { post } from '../request.js';
import { hasRole, useSession } from '../session.js';

const THEMES: readonly [Theme, TextKey][] = [
  ['system', 'themeSystem'],
  ['light', 'themeLight'],
  ['dark', 'themeDark'],
];

/** The head of every page: where one can go, whether what is shown is live, language, colours, and who is signed in. */
export function TopBar({ onLanguage }: { onLanguage: (code: LanguageCode) => void }): JSX.Element {
  const { t, code } = useLanguage();
  const { path } = useLocation();
  const { overview, connection } = useLive();
  const session = useSession();
  const [isOpen, setOpen] = useState(false);
  const [theme, setTheme] = useState(chosenTheme);
  useEffect(() => setOpen(false), [path]);

  const firing = overview?.alarms?.firing ?? 0;
  const links: readonly (readonly [path: string, text: string, count?: number])[] = [
    ['/', t('overview')],
    ['/messages', t('messages')],
    ['/dead-letters', t('deadLetters')],
    ['/replays', t('replays')],
    ['/alarms', t('alarms'), firing],
    ...(hasRole(session, 'administrator') ? [['/audit', t('audit')] as const] : []),
  ];
  const other: LanguageCode = code === 'en' ? 'cy' : 'en';
  const connectionText = { live: t('live'), connecting: t('connecting'), lost: t('lost') }[connection];
  return (
    <header class="top-bar">
      <div class="inner">
        <a class="brand" href="/">
          <BrandMark />
          Integration Hub
        </a>
        <p class={`connection-mark ${connection}`}>{connectionText}</p>
        <button
          type="button"
          class="menu-button"
          aria-expanded={isOpen}
          aria-controls="menu"
          onClick={() => setOpen(!isOpen)}
        >
          {t('menu')}
        </button>
        <div id="menu" class={isOpen ? 'menu open' : 'menu'}>
          <div class="settings">
            <button type="button" lang={other} onClick={() => onLanguage(other)}>
              {t('otherLanguage')}
            </button>
            <label>
              <span class="hidden">{t('theme')}</span>
              <select
                value={theme}
                onChange={(event) => {
                  const wanted = event.currentTarget.value as Theme;
                  chooseTheme(wanted);
                  setTheme(wanted);
                }}
              >
                {THEMES.map(([value, key]) => (
                  <option key={value} value={value}>
                    {t(key)}
                  </option>
                ))}
              </select>
            </label>
            <Who />
          </div>
          <nav aria-label={t('pages')}>
            <ul>
              {links.map(([to, text, count]) => (
                <li key={to}>
                  <a href={to} aria-current={isWithin(path, to) ? 'page' : undefined}>
                    {text}
                    {count !== undefined && count > 0 && <span class="count">{count}</span>}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        </div>
      </div>
    </header>
  );
}

function Who(): JSX.Element {
  const { t } = useLanguage();
  const { mode, user } = useSession();
  if (mode === 'local') return <p class="who">{t('localMode')}</p>;
  const signOut = (): void => {
    // Also where the server has forgotten the session already.
    const leave = (): void => location.assign('/');
    post('/auth/logout', {}).then(leave, leave);
  };
  return (
    <>
      <p class="who">
        <span class="hidden">{t('signedInAs', { name: '' })}</span>
        {user.name}
      </p>
      <button type="button" onClick={signOut}>
        {t('signOut')}
      </button>
    </>
  );
}

/** A page belongs to the entry that its address begins with. */
function isWithin(path: string, entry: string): boolean {
  return entry === '/'
    ? path === '/' || path.startsWith('/flows/')
    : path === entry || path.startsWith(`${entry}/`);
}

function BrandMark(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <g fill="none" stroke="#7fd0ee" stroke-width="2.8" stroke-linecap="round">
        <path d="M7 8.5h3.5c4.5 0 5.5 7.5 10 7.5H25M7 23.5h3.5c4.5 0 5.5-7.5 10-7.5" />
      </g>
      <g fill="#fff">
        <circle cx="6" cy="8.5" r="3" />
        <circle cx="6" cy="23.5" r="3" />
        <circle cx="25" cy="16" r="3.8" />
      </g>
    </svg>
  );
}
