import type { JSX } from 'preact';
import { useLanguage, type Language } from '../language/language.js';
import { clock, moment, percentage, rate, span, wholeNumber } from '../language/numbers-and-times.js';

/** A figure, or in words that it is not known: a missing figure must not look like none. */
function Known(props: {
  value: number | null | undefined;
  written: (value: number, language: Language) => string;
}): JSX.Element {
  const language = useLanguage();
  if (props.value === null || props.value === undefined)
    return <span class="not-known">{language.t('unknown')}</span>;
  return <>{props.written(props.value, language)}</>;
}

export function Count({ value }: { value: number | null | undefined }): JSX.Element {
  return <Known value={value} written={wholeNumber} />;
}

export function Rate({ value }: { value: number | null | undefined }): JSX.Element {
  return (
    <Known
      value={value}
      written={(one, language) => language.t('perSecond', { value: rate(one, language) })}
    />
  );
}

export function Share({ value }: { value: number | null | undefined }): JSX.Element {
  return <Known value={value} written={percentage} />;
}

/** How long something has waited; nothing waits where it is null and `backlog` is 0. */
export function Waited({
  seconds,
  backlog,
}: {
  seconds: number | null;
  backlog: number | null;
}): JSX.Element {
  if (seconds === null && backlog === 0) return <>–</>;
  return <Known value={seconds} written={span} />;
}

/** @param at ISO 8601 */
export function Moment({
  at,
  withMilliseconds = false,
}: {
  at: string;
  withMilliseconds?: boolean;
}): JSX.Element {
  return (
    <time dateTime={at} title={at}>
      {moment(new Date(at), withMilliseconds)}
    </time>
  );
}

/** Of today only the time of day: what is looked at in passing is of today nearly always. */
export function Lately({ at }: { at: string }): JSX.Element {
  const time = new Date(at);
  if (time.toDateString() !== new Date().toDateString()) return <Moment at={at} />;
  return (
    <time dateTime={at} title={at}>
      {clock(time)}
    </time>
  );
}
