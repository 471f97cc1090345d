/**
 * What a person sees whose login did not succeed: a page in their language, without script or style, since the console's
 * own page is for those who are logged in.
 */
import type { ConsoleError, ConsoleErrorCode } from './console-error.js';
import type { LanguageCode } from './language.js';

interface Words {
  readonly title: string;
  readonly again: string;
  /** Where there is none, what is said of any error. */
  readonly sentences: Readonly<Partial<Record<ConsoleErrorCode, string>>>;
  readonly any: string | undefined;
}

const words: Readonly<Record<LanguageCode, Words>> = {
  // The error’s own sentence is English.
  en: { title: 'You are not logged in', again: 'Log in', sentences: {}, any: undefined },
  cy: {
    title: 'Nid ydych wedi mewngofnodi',
    again: 'Mewngofnodi',
    sentences: {
      LOGIN_FAILED:
        'Ni lwyddodd y mewngofnodi: dechreuwch eto. Os bydd yn methu eto, dywedwch wrth bwy bynnag sy’n rhedeg yr hyb.',
      NOT_ALLOWED:
        'Rydych yn hysbys, ond nid oes gennych rôl yn yr hyb hwn: gofynnwch am un i bwy bynnag sy’n gweinyddu ei ddefnyddwyr.',
      PROVIDER_AWAY:
        'Nid yw’r darparwr hunaniaeth yn ateb fel y dylai: rhowch gynnig arall arni, neu dywedwch wrth bwy bynnag sy’n rhedeg yr hyb.',
      TOO_MANY_REQUESTS: 'Gofynnwyd am ormod ar unwaith: rhowch gynnig arall arni ymhen munud.',
    },
    any: 'Ni lwyddodd y mewngofnodi: rhowch gynnig arall arni ymhen munud.',
  },
};

/** @returns HTML */
export function loginProblemPage(error: ConsoleError, language: LanguageCode): string {
  const { title, again, sentences, any } = words[language];
  const sentence = sentences[error.code] ?? any ?? error.message;
  return `<!doctype html>
<html lang="${language}">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title} – Integration Hub</title>
  </head>
  <body>
    <main>
      <h1>${title}</h1>
      <p>${escaped(sentence)}</p>
      <p><a href="/auth/login">${again}</a></p>
    </main>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
