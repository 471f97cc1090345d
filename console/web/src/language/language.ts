/** The page's language: its words, and how it writes numbers, times and spans. */
import i18next from 'i18next';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { english } from './english.js';
import { welsh } from './welsh.js';

export type LanguageCode = 'en' | 'cy';

type WithoutPlural<Key> = Key extends `${infer Stem}_${'one' | 'other'}` ? Stem : Key;
export type TextKey = WithoutPlural<keyof typeof english>;

export interface Language {
  readonly code: LanguageCode;
  /** For Intl. */
  readonly locale: string;
  /** @param values what stands in the text's places; `count` chooses the plural */
  readonly t: (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;
}

const LOCALES = { en: 'en-GB', cy: 'cy-GB' } as const;

await i18next.init({
  lng: 'en',
  fallbackLng: 'en',
  resources: { en: { translation: english }, cy: { translation: welsh } },
  // Keys are flat, and Preact escapes what it writes.
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false },
});

/** @returns the words and forms of a language */
export function languageOf(code: LanguageCode): Language {
  const fixed = i18next.getFixedT(code);
  return { code, locale: LOCALES[code], t: (key, values) => fixed(key, { ...values }) };
}

const LanguageContext = createContext<Language>(languageOf('en'));
export const LanguageProvider = LanguageContext.Provider;

/** The language that the page is shown in now. */
export function useLanguage(): Language {
  return useContext(LanguageContext);
}
