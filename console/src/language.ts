/** The languages of the page, and which of them a browser asks for first. */
export type LanguageCode = 'en' | 'cy';

/** @param acceptLanguage the header of the request (RFC 9110, section 12.5.4) */
export function languageOf(acceptLanguage: string | undefined): LanguageCode {
  return /^\s*cy\b/i.test(acceptLanguage ?? '') ? 'cy' : 'en';
}
