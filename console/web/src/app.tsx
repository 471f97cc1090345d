/** The frame of all pages: session, language, the connection to the server, navigation. */
import type { ComponentChildren, JSX } from 'preact';
import { lazy, LocationProvider, Route, Router, useLocation } from 'preact-iso';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Session } from './api.js';
import { useAsked } from './asked.js';
import { languageOf, LanguageProvider, type LanguageCode, useLanguage } from './language/language.js';
import { clock } from './language/numbers-and-times.js';
import { LiveProvider, useLive, useLiveStream } from './live.js';
import { AlarmsPage } from './pages/alarms.js';
import { AuditPage } from './pages/audit.js';
import { DeadLetterPage } from './pages/dead-letter.js';
import { DeadLettersPage } from './pages/dead-letters.js';
import { MessagePage } from './pages/message.js';
import { MessagesPage } from './pages/messages.js';
import { NotFoundPage } from './pages/not-found.js';
import { OverviewPage } from './pages/overview.js';
import { ReplaysPage } from './pages/replays.js';
import { Failure, Loading } from './parts/states.js';
import { TopBar } from './parts/top-bar.js';
import { chosenLanguage, keepLanguage, showLanguage } from './preferences.js';
import { carryCsrfToken } from './request.js';
import { SessionProvider } from './session.js';

/** Loaded when it is opened first: it brings the charts. */
const FlowPage = lazy(() => import('./pages/flow.js').then((module) => module.FlowPage));

/** What the server itself answers is no page of ours. */
const PAGES = /^(?!\/(api|auth)\/)/;

export function App(): JSX.Element {
  const [chosen, setChosen] = useState<LanguageCode | undefined>(chosenLanguage);
  const session = useAsked<Session>('/api/session');
  const code = chosen ?? session.value?.language ?? 'en';
  const language = useMemo(() => languageOf(code), [code]);
  useEffect(() => showLanguage(code), [code]);
  if (session.value !== undefined) carryCsrfToken(session.value.csrf);
  const choose = useCallback((wanted: LanguageCode) => {
    keepLanguage(wanted);
    setChosen(wanted);
  }, []);

  let content: JSX.Element;
  if (session.error?.status === 401) content = <SignedOut />;
  else if (session.value !== undefined) {
    content = (
      <SessionProvider value={session.value}>
        <LocationProvider scope={PAGES}>
          <Pages onLanguage={choose} onSessionInDoubt={session.reload} />
        </LocationProvider>
      </SessionProvider>
    );
  } else if (session.error !== undefined) {
    content = (
      <Alone>
        <Failure error={session.error} onAgain={session.reload} />
      </Alone>
    );
  } else {
    content = (
      <Alone>
        <Loading />
      </Alone>
    );
  }
  return <LanguageProvider value={language}>{content}</LanguageProvider>;
}

function Pages(props: {
  onLanguage: (code: LanguageCode) => void;
  onSessionInDoubt: () => void;
}): JSX.Element {
  const { t } = useLanguage();
  const { path } = useLocation();
  const flow = /^\/flows\/([^/]+)$/.exec(path)?.[1];
  const live = useLiveStream(
    flow === undefined ? undefined : decodeURIComponent(flow),
    props.onSessionInDoubt,
  );
  const wasLost = useRef(false);
  useEffect(() => {
    // A server that was started again knows neither the session nor its token.
    if (live.connection === 'live' && wasLost.current) props.onSessionInDoubt();
    wasLost.current = live.connection === 'lost';
  }, [live.connection]);
  return (
    <LiveProvider value={live}>
      <a class="skip" href="#content" onClick={skipToContent}>
        {t('skip')}
      </a>
      <TopBar onLanguage={props.onLanguage} />
      <ConnectionNotice />
      <main id="content" tabIndex={-1} class={live.connection === 'lost' ? 'not-live' : undefined}>
        <Router>
          <Route path="/" component={OverviewPage} />
          <Route path="/flows/:name" component={FlowPage} />
          <Route path="/messages" component={MessagesPage} />
          <Route path="/messages/:correlationId" component={MessagePage} />
          <Route path="/dead-letters" component={DeadLettersPage} />
          <Route path="/dead-letters/:of/:partition/:offset" component={DeadLetterPage} />
          <Route path="/replays" component={ReplaysPage} />
          <Route path="/alarms" component={AlarmsPage} />
          <Route path="/audit" component={AuditPage} />
          <Route default component={NotFoundPage} />
        </Router>
      </main>
    </LiveProvider>
  );
}

/** The router would take the link for another page. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')!.focus();
}

/** Always there, so that a screen reader tells of it when it fills. */
function ConnectionNotice(): JSX.Element {
  const language = useLanguage();
  const { connection, heardAt, overview } = useLive();
  let text: string | undefined;
  if (connection === 'lost') {
    text =
      heardAt === undefined ? language.t('lostNever') : language.t('lostNotice', { time: clock(heardAt) });
  } else if (overview?.kafka === false) text = language.t('kafkaAway');
  return (
    <div role="status" class="connection">
      {text !== undefined && <p>{text}</p>}
    </div>
  );
}

function SignedOut(): JSX.Element {
  const { t } = useLanguage();
  return (
    <Alone>
      <h2>{t('signedOut')}</h2>
      <p>{t('signedOutText')}</p>
      <p>
        <a class="button primary" href="/auth/login">
          {t('signIn')}
        </a>
      </p>
    </Alone>
  );
}

/** Where there is no frame around it yet. */
function Alone({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <main class="alone">
      <h1 class="brand">Integration Hub</h1>
      {children}
    </main>
  );
}
