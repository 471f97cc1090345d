/** What a person has chosen for the page in this browser. */
import type { LanguageCode } from './language/language.js';

export type Theme = 'system' | 'light' | 'dark';

/** A browser may refuse to keep anything; the page works without. */
function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it holds until the page is closed.
  }
}

/** @returns undefined where none was chosen yet */
export function chosenLanguage(): LanguageCode | undefined {
  const language = kept('language');
  return language === 'en' || language === 'cy' ? language : undefined;
}

/** Keeps the choice, and tells the browser, so that a screen reader speaks the right language. */
export function showLanguage(language: LanguageCode): void {
  document.documentElement.lang = language;
}

export function keepLanguage(language: LanguageCode): void {
  keep('language', language);
}

export function chosenTheme(): Theme {
  const theme = kept('theme');
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

/** Shows the page in a theme, and keeps the choice. */
export function chooseTheme(theme: Theme): void {
  keep('theme', theme);
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
